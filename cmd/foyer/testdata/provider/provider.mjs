// Runs the certified oidc-provider for the end-to-end test, with its own sign-in and consent pages.
//
//   node provider.mjs '{"redirect_uri": "http://127.0.0.1:8080/auth/office/callback", "client_id": "foyer",
//                       "client_secret": "...", "people": {"jane": {"email": "jane@acme.example", ...}}}'
//
// It is the last version that runs with the Node.js 18 of Debian 12. Everybody in people signs in with that name and any password. The issuer is printed when it is ready. With
// "thin": true the ID token holds no address and no names, as OpenID Connect has it: they are at the userinfo endpoint.
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const config = JSON.parse(process.argv[2]);

const server = createServer();
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  clients: [{
    client_id: config.client_id,
    client_secret: config.client_secret,
    redirect_uris: [config.redirect_uri],
    grant_types: ['authorization_code'],
    response_types: ['code'],
  }],
  claims: { email: ['email', 'email_verified'], profile: ['name', 'given_name', 'family_name'] },
  conformIdTokenClaims: Boolean(config.thin),
  cookies: { keys: ['only for tests'] },
  pkce: { required: () => true },
  findAccount: (_, id) => (config.people[id]
    ? { accountId: id, claims: () => ({ sub: id, email_verified: true, ...config.people[id] }) }
    : undefined),
});

server.on('request', provider.callback());
console.log(`provider is ready at ${issuer}`);

// The test ends it by closing its standard input, also when the test itself is killed.
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
