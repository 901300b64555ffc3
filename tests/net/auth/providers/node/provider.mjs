// A certified OpenID provider on 127.0.0.1, with one client. Any name with any password can log in.
// Arguments: the port, the url of the client to which it redirects.
import Provider from 'oidc-provider'

const [port, redirectUri] = process.argv.slice(2)
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{ client_id: 'app', client_secret: 's3cret', redirect_uris: [redirectUri] }],
  claims: { openid: ['sub'], profile: ['name'], email: ['email', 'email_verified'] },
  pkce: { required: () => true },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, name: `${id} of the test`, email: `${id}@example.com`, email_verified: true }),
  }),
})
provider.listen(Number(port), '127.0.0.1', () => console.log('listening'))
