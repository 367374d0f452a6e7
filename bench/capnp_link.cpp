/* SPDX-License-Identifier: MIT */

/* capnp_link: one event loop, one connection; exceptions end here */

#include <cerrno>
#include <cstring>

#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>

#include "bench.capnp.h"
#include "capnp_link.h"

namespace
{

class Server final : public Bench::Server
{
      public:
	Server(const struct capnp_server *functions, kj::Own<kj::PromiseFulfiller<void>> end)
		: functions(functions), end(kj::mv(end))
	{
	}

	kj::Promise<void>
	call(CallContext context) override
	{
		auto request = context.getParams().getPayload();
		auto reply = context.getResults().initPayload(CAPNP_REPLY_SIZE);

		finish(functions->call(
			functions->userdata, request.begin(), request.size(), reply.begin()));
		return kj::READY_NOW;
	}

	kj::Promise<void>
	event(EventContext context) override
	{
		auto event = context.getParams().getPayload();

		finish(functions->event(functions->userdata, event.begin(), event.size()));
		return kj::READY_NOW;
	}

	kj::Promise<void>
	flush(FlushContext) override
	{
		return kj::READY_NOW;
	}

	int result = 0;

      private:
	const struct capnp_server *functions;
	kj::Own<kj::PromiseFulfiller<void>> end;

	void
	finish(int r)
	{
		if (r < 0) {
			result = r;
			end->fulfill();
		}
	}
};

} // namespace

struct capnp_client {
	explicit capnp_client(int fd)
		: io(kj::setupAsyncIo()),
		  stream(io.lowLevelProvider->wrapSocketFd(
			  fd, kj::LowLevelAsyncIoProvider::TAKE_OWNERSHIP)),
		  rpc(*stream), bench(rpc.bootstrap().castAs<Bench>())
	{
	}

	kj::AsyncIoContext io;
	kj::Own<kj::AsyncIoStream> stream;
	capnp::TwoPartyClient rpc;
	Bench::Client bench;
};

/* As the request's arguments, in one segment: it is copied once here and once by the kernel. */
template <typename Request>
static void
put_payload(Request &request, const void *bytes, size_t size)
{
	request.setPayload(capnp::Data::Reader(static_cast<const kj::byte *>(bytes), size));
}

static capnp::MessageSize
size_hint(size_t size)
{
	return {size / sizeof(capnp::word) + 64, 1};
}

int
capnp_serve(int fd, const struct capnp_server *server)
{
	try {
		auto io = kj::setupAsyncIo();
		auto stream = io.lowLevelProvider->wrapSocketFd(
			fd, kj::LowLevelAsyncIoProvider::TAKE_OWNERSHIP);
		auto end = kj::newPromiseAndFulfiller<void>();
		auto bench = kj::heap<Server>(server, kj::mv(end.fulfiller));
		auto &state = *bench;
		capnp::TwoPartyClient rpc(
			*stream, kj::mv(bench), capnp::rpc::twoparty::Side::SERVER);

		rpc.onDisconnect().exclusiveJoin(kj::mv(end.promise)).wait(io.waitScope);
		return state.result;
	} catch (const kj::Exception &) {
		return -EIO;
	}
}

struct capnp_client *
capnp_connect(int fd)
{
	try {
		return new capnp_client(fd);
	} catch (const kj::Exception &) {
		return nullptr;
	}
}

int
capnp_call(struct capnp_client *client, const void *request, size_t size, void *ret_reply)
{
	try {
		auto call = client->bench.callRequest(size_hint(size));

		put_payload(call, request, size);
		auto response = call.send().wait(client->io.waitScope);
		auto reply = response.getPayload();

		if (reply.size() != CAPNP_REPLY_SIZE)
			return -EIO;
		memcpy(ret_reply, reply.begin(), CAPNP_REPLY_SIZE);
		return 0;
	} catch (const kj::Exception &) {
		return -EIO;
	}
}

int
capnp_send(struct capnp_client *client, const void *event, size_t size)
{
	try {
		auto call = client->bench.eventRequest(size_hint(size));

		put_payload(call, event, size);
		call.send().wait(client->io.waitScope);
		return 0;
	} catch (const kj::Exception &) {
		return -EIO;
	}
}

int
capnp_flush(struct capnp_client *client)
{
	try {
		client->bench.flushRequest().send().wait(client->io.waitScope);
		return 0;
	} catch (const kj::Exception &) {
		return -EIO;
	}
}

void
capnp_close(struct capnp_client *client)
{
	delete client;
}
