"""A gRPC service and its client, both of Google's library: what is between them has to be invisible.

Usage: grpccheck.py serve | call TARGET        serve prints its address; call a line a case, `ok NAME`, and exits 1 if one fails
Messages are plain bytes, so that nothing has to be generated.
"""
import sys
import threading
import time
from concurrent import futures

import grpc

SERVICE = "/films.Films/"
LARGE = bytes(3 * 1024 * 1024)
left = threading.Semaphore(0)  # a permit for each call that its client left


def unary(request, context):
    context.send_initial_metadata([("first", dict(context.invocation_metadata()).get("asked", "nothing"))])
    context.set_trailing_metadata([("last", "trailer"), ("raw-bin", b"\x00\xff")])
    return request


def fail(request, context):
    context.abort(grpc.StatusCode.NOT_FOUND, "no such film: " + request.decode())


def wait(_request, context):
    context.add_callback(left.release)
    while context.is_active():
        time.sleep(0.01)
    return b""


def was_left(_request, _context):
    return b"yes" if left.acquire(timeout=10) else b"no"


def count(request, _context):
    yield from (str(number).encode() for number in range(int(request)))


def add(requests, _context):
    return str(sum(int(request) for request in requests)).encode()


def chat(requests, _context):
    for request in requests:
        yield b"re: " + request


def hang(requests, context):
    context.add_callback(left.release)
    for request in requests:
        yield request


def serve():
    kinds = {
        grpc.unary_unary_rpc_method_handler: [unary, fail, wait, was_left],
        grpc.unary_stream_rpc_method_handler: [count],
        grpc.stream_unary_rpc_method_handler: [add],
        grpc.stream_stream_rpc_method_handler: [chat, hang],
    }
    methods = {method.__name__: kind(method) for kind, all_of in kinds.items() for method in all_of}
    server = grpc.server(futures.ThreadPoolExecutor(64))
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("films.Films", methods)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(f"serving 127.0.0.1:{port}", flush=True)
    server.wait_for_termination()


class Cases:
    """Each method is a case; its docstring says what holds."""

    def __init__(self, channel):
        self.channel = channel

    def ask(self, name, request=b"", timeout=10, **more):
        return self.channel.unary_unary(SERVICE + name)(request, timeout=timeout, **more)

    def unary(self):
        answer, call = self.channel.unary_unary(SERVICE + "unary").with_call(b"film", metadata=[("asked", "so")], timeout=10)
        assert answer == b"film"
        assert ("first", "so") in call.initial_metadata(), call.initial_metadata()
        assert dict(call.trailing_metadata()) == {"last": "trailer", "raw-bin": b"\x00\xff"}, call.trailing_metadata()

    def errors(self):
        try:
            self.ask("fail", b"Solaris")
        except grpc.RpcError as error:
            assert (error.code(), error.details()) == (grpc.StatusCode.NOT_FOUND, "no such film: Solaris"), error
        else:
            raise AssertionError("no error")

    def server_stream(self):
        got = list(self.channel.unary_stream(SERVICE + "count")(b"1000", timeout=10))
        assert got == [str(number).encode() for number in range(1000)]

    def client_stream(self):
        assert self.channel.stream_unary(SERVICE + "add")((str(n).encode() for n in range(1000)), timeout=10) == b"499500"

    def both_streams(self):
        """Each message is sent only when the one before it has been answered."""
        told = threading.Semaphore(1)

        def questions():
            for number in range(100):
                assert told.acquire(timeout=10)
                yield str(number).encode()

        for number, answer in enumerate(self.channel.stream_stream(SERVICE + "chat")(questions(), timeout=20)):
            assert answer == b"re: %d" % number
            told.release()
        assert number == 99

    def large(self):
        assert self.ask("unary", LARGE) == LARGE

    def many(self):
        with futures.ThreadPoolExecutor(64) as pool:
            sent = [str(number).encode() for number in range(500)]
            assert list(pool.map(lambda one: self.ask("unary", one, timeout=30), sent)) == sent

    def deadline(self):
        """It reaches the service, and so does the end of waiting."""
        try:
            self.ask("wait", timeout=0.3)
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error
        assert self.ask("was_left", timeout=15) == b"yes"

    def cancel(self):
        stay = threading.Event()

        def questions():
            yield b"hello"
            stay.wait(20)

        call = self.channel.stream_stream(SERVICE + "hang")(questions(), timeout=20)
        assert next(call) == b"hello"
        call.cancel()
        assert self.ask("was_left", timeout=15) == b"yes"
        stay.set()


def call(target):
    failed = 0
    with grpc.insecure_channel(target) as channel:
        cases = Cases(channel)
        for name in [name for name, member in vars(Cases).items() if callable(member) and name not in ("__init__", "ask")]:
            try:
                getattr(cases, name)()
                print("ok", name, flush=True)
            except Exception as error:  # every case is told of
                failed += 1
                print("FAILED", name, repr(error), flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    {"serve": serve, "call": call}[sys.argv[1]](*sys.argv[2:])
