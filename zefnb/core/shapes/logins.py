"""The shapes of the entities that describe logins: the field `auth` of `FX.StartHTTPServer`."""

from __future__ import annotations

from zefnb.core.shapes.shape import Field, Shape

_CLIENT_ID = Field(
    "str",
    "The id of this program at the provider. Its redirect URI there is the server's address and `/auth/callback`.",
)
_CLIENT_SECRET = Field("str", "The secret of this program at the provider. It is never shown.")

LOGINS = (
    Shape(
        "Auth",
        "auth",
        "The logins of a server, with all fields.",
        {
            "providers": Field(
                "Sequence[Any]",
                "The ways to log in: `'token'`, a dict of names and passwords, a function, or entities such as "
                "`ET.GoogleOAuth`.",
            ),
            "allowed_emails": Field(
                "Sequence[str] | None",
                "The verified addresses that may log in, such as `'ada@example.com'` or `'*@example.org'`; `None` for "
                "all users.",
                None,
            ),
            "public": Field("Sequence[str]", "The paths that need no login, such as `'/about'` or `'/static/*'`.", ()),
            "login_page": Field(
                "str | None", "The path of a route with a login page of the program; it is public.", None
            ),
            "after_login": Field("str", "The path to which a login leads that began at no other page.", "/"),
            "session_duration": Field("float", "Seconds until a session ends.", 86_400.0),
            "sliding": Field("bool", "Whether each request begins these seconds anew, for 30 days at most.", False),
            "session_db": Field(
                "DictDatabase | None", "A database that keeps the sessions when the program starts again.", None
            ),
            "on_login": Field(
                "Callable[[dict[str, Any]], Any] | None",
                "A function of the user, plain or async, called at each login. `False` refuses the login, and a dict "
                "becomes the user.",
                None,
            ),
            "public_url": Field(
                "str | None",
                "The address of the server for browsers, such as `'https://demo.example.com'`, to which providers "
                "redirect them; `None` for the Host of each request, which the server has allowed.",
                None,
            ),
        },
        """
>>> from zefnb import *
>>> auth = ET.Auth(providers=[{'ada': 'correct horse'}], public=['/'], session_duration=3_600)
>>> server = FX.StartHTTPServer(routes={'/': 'hello', '/rooms': 'for us only'}, port=0, auth=auth) | run
>>> FX.StopHTTPServer(server=server) | run
ET.Success()
""",
    ),
    Shape(
        "GoogleOAuth",
        "auth",
        "Logins with Google.",
        {
            "client_id": _CLIENT_ID,
            "client_secret": _CLIENT_SECRET,
            "issuer": Field("str", "The url of the provider.", "https://accounts.google.com"),
        },
        """
>>> from zefnb import *
>>> auth = ET.GoogleOAuth(client_id='id', client_secret='secret')
""",
    ),
    Shape(
        "GitHubOAuth",
        "auth",
        "Logins with GitHub. `name` is the login, which is unique, and `full_name` the name that the user chose.",
        {
            "client_id": _CLIENT_ID,
            "client_secret": _CLIENT_SECRET,
            "url": Field("str", "The url of GitHub, or of a GitHub Enterprise server.", "https://github.com"),
        },
        """
>>> from zefnb import *
>>> auth = ET.GitHubOAuth(client_id='id', client_secret='secret')
""",
    ),
    Shape(
        "OIDC",
        "auth",
        "Logins with any OpenID Connect provider.",
        {
            "issuer": Field("str", "The url of the provider, below which its metadata are."),
            "client_id": _CLIENT_ID,
            "client_secret": _CLIENT_SECRET,
            "label": Field("str | None", "The name of the provider on the login page; `None` for its host.", None),
            "scope": Field("str", "The scopes of the login (RFC 6749, section 3.3).", "openid profile email"),
        },
        """
>>> from zefnb import *
>>> auth = ET.OIDC(issuer='https://login.example.com', client_id='id', client_secret='secret')
""",
    ),
    Shape(
        "JupyterHub",
        "auth",
        "Logins with the JupyterHub on which the notebook runs. The server must be a registered service of the hub.",
        {
            "client_id": Field(
                "str | None",
                "The id of the service, such as `'service-zefnb'`; `None` for `ZEFNB_HUB_CLIENT_ID` or, in a "
                "service that the hub has started, `JUPYTERHUB_CLIENT_ID`.",
                None,
            ),
            "api_token": Field(
                "str | None",
                "The token of the service; `None` for `ZEFNB_HUB_API_TOKEN` or `JUPYTERHUB_API_TOKEN`; not shown.",
                None,
            ),
            "api_url": Field("str | None", "The hub's API for services; `None` for `JUPYTERHUB_API_URL`.", None),
            "hub_url": Field(
                "str | None",
                "The hub's address for browsers; `None` for `JUPYTERHUB_HOST` and `JUPYTERHUB_BASE_URL`, or the "
                "host of the request.",
                None,
            ),
        },
        """
>>> from zefnb import *
>>> auth = ET.JupyterHub(client_id='service-zefnb', api_token='secret', api_url='http://127.0.0.1:8081/hub/api')
""",
    ),
)
