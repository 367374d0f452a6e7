# SPDX-License-Identifier: MIT
@0xbf5147cbc1ba60ea;

interface Bench {
  call @0 (payload :Data) -> (payload :Data);
  event @1 (payload :Data) -> stream;
  flush @2 ();
}
