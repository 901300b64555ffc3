"""The actors of connections: a new one for each client, which ends with it."""

from __future__ import annotations

import time

from zefnb import ET, FX, run


class TestActorsOfConnections:
    def test_each_connection_has_a_new_actor_that_ends_with_it(self, connect, until):
        left = []

        def handler(msg, state):
            match msg:
                case ET.WSClientConnected():
                    return [[FX.SubscribeFX(topic=ET.Topic("news"), op=lambda m: None)], [msg.topic_out, 0]]
                case ET.WSClientDisconnected():
                    left.append((msg.channel_id, state[1]))
                    return [[], ET.Done()]
            out, count = state
            return [[FX.Publish(target=out, content=f"{count} before")], [out, count + 1]]

        actor = FX.StartActor(initial_state=None, handler=handler)
        server = FX.StartHTTPServer(routes={"/ws": ET.WebSocket(actor=actor)}, port=0) | run
        ada, bob = connect(server), connect(server)
        ada.send("x"), ada.send("x"), bob.send("x")
        assert (ada.recv(20), ada.recv(20), bob.recv(20)) == ("0 before", "1 before", "0 before")
        assert len(FX.ListActors() | run) == 2
        ada.close()
        until(lambda: len(FX.ListActors() | run) == 1)
        assert [b["kind"] for b in FX.StreamGraphSnapshot() | run].count("subscription") == 1
        bob.close()
        until(lambda: FX.ListActors() | run == [])
        assert left == [(0, 2), (1, 1)]
        assert FX.StreamGraphSnapshot() | run == []

    def test_the_disconnect_is_handled_after_all_earlier_messages_also_when_the_server_stops(self, connect, until):
        seen = []

        def slow(msg, state):
            time.sleep(0.02)
            seen.append(msg if isinstance(msg, str) else type(msg).__name__)
            return [[], state]

        actor = FX.StartActor(initial_state=None, handler=slow)
        server = FX.StartHTTPServer(routes={"/ws": ET.WebSocket(actor=actor)}, port=0) | run
        client = connect(server)
        for n in range(10):
            client.send(str(n))
        until(lambda: seen)
        until(lambda: (FX.QueryAllConnectedWebsocketClients(http_server=server) | run)[0]["received"] == 10)
        FX.StopHTTPServer(server=server) | run
        until(lambda: len(seen) == 12)
        assert seen == ["WSClientConnected", *map(str, range(10)), "WSClientDisconnected"]
        until(lambda: FX.ListActors() | run == [])

    def test_stopping_the_actor_closes_the_connection(self, connect, until):
        actor = FX.StartActor(initial_state=None, handler=lambda m, s: [[], s])
        server = FX.StartHTTPServer(routes={"/ws": ET.WebSocket(actor=actor)}, port=0) | run
        client = connect(server)
        [handle] = until(lambda: FX.ListActors() | run)
        FX.StopActor(actor=handle) | run
        assert list(client) == []
        assert client.protocol.close_rcvd.code == 1000
