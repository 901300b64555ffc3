"""Logins: the users that a server with `auth=` admits, their sessions, and the pages under `/auth/`.

Only a server with `auth=` imports this package. `http/` calls it through `http/authorizer.py` and does not import it.
The login of a kind (Google, GitHub, OpenID Connect, JupyterHub) is one file in `providers/`.
"""
