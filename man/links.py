#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""links: which functions have a page that is called after another one: PAGE FUNCTION, a line each"""

import glob
import os
import re

for path in sorted(glob.glob(os.path.join(os.path.dirname(os.path.abspath(__file__)), "*.3"))):
    page = os.path.basename(path)
    with open(path, encoding="utf-8") as file:
        for name in re.findall(r"^\.Nm (tern_\w+)(?: ,)?$", file.read(), re.M):
            if page != name + ".3":
                print(page, name)
