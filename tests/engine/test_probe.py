from zefnb import *
def test_x(connect):
    t=ET.Topic('c')
    s=FX.StartHTTPServer(routes={'/ws': ET.WebSocket(clients_subscribe_to=[t], clients_push_into_=[t])}, port=0)|run
    a=connect(s); b=connect(s)
    a.send('hi'); assert b.recv(5)=='hi'
    FX.StartActor(initial_state=0, handler=lambda m,s: [[],s])|run
def test_y(): pass
