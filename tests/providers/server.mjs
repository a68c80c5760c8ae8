// A certified OpenID provider for the tests: oidc-provider with short lives, rotation, PKCE demanded, device flow, client
// credentials and revocation.
//
//   node server.mjs REDIRECT_URI…      prints its issuer, lives until its stdin ends; does what it is told, a JSON line at a time
import { createServer } from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import { createInterface } from 'node:readline';
import Provider from 'oidc-provider';

let accessTokenSeconds = 60;
/** How many tokens it gave, by grant; and to which consents. */
const given = {};
const consents = new Set();
const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const everyGrant = ['authorization_code', 'refresh_token', 'client_credentials', 'urn:ietf:params:oauth:grant-type:device_code'];
const client = {
  redirect_uris: process.argv.slice(2),
  grant_types: everyGrant,
  response_types: ['code'],
  // Only native clients may be redirected to a loopback address over http.
  application_type: 'native',
};

const server = createServer((request, response) => handle(request, response));
let handle;
let provider;
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  provider = new Provider(issuer, {
    clients: [
      // Characters that RFC 6749 section 2.3.1 wants encoded before RFC 7617.
      { ...client, client_id: 'basic', client_secret: 's3cret/with+odd:chars%', token_endpoint_auth_method: 'client_secret_basic' },
      {
        ...client,
        client_id: 'keyed',
        token_endpoint_auth_method: 'private_key_jwt',
        jwks: { keys: [{ ...publicKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256' }] },
      },
    ],
    features: {
      devInteractions: { enabled: true },
      clientCredentials: { enabled: true },
      deviceFlow: { enabled: true },
      revocation: { enabled: true },
    },
    claims: { openid: ['sub'], email: ['email', 'email_verified'] },
    scopes: ['openid', 'email', 'offline_access', 'api:read'],
    clientAuthMethods: ['client_secret_basic', 'private_key_jwt', 'none'],
    cookies: { keys: ['only for tests'] },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, email: `${id}@example.com`, email_verified: true }) }),
    issueRefreshToken: (_, client) => client.grantTypeAllowed('refresh_token'),
    pkce: { required: () => true },
    rotateRefreshToken: true,
    ttl: { AccessToken: () => accessTokenSeconds, ClientCredentials: () => accessTokenSeconds, AuthorizationCode: 60, DeviceCode: 600, RefreshToken: 3600, Grant: 3600, Session: 3600, Interaction: 600, IdToken: 60 },
  });
  provider.on('server_error', (_, error) => console.error(error));
  provider.on('grant.success', ({ oidc }) => {
    given[oidc.params.grant_type] = (given[oidc.params.grant_type] ?? 0) + 1;
    if (oidc.entities.AccessToken) consents.add(oidc.entities.AccessToken.grantId);
  });
  handle = provider.callback();
  console.log(JSON.stringify({ issuer, key: privateKey.export({ type: 'pkcs8', format: 'pem' }) }));
});

const deeds = {
  given: () => given,
  /** How long access tokens live from now on. */
  lifetime: ({ seconds }) => { accessTokenSeconds = seconds; },
  /** Everybody takes their consent back. */
  async withdraw() {
    for (const id of consents) {
      for (const kind of ['AccessToken', 'RefreshToken']) await provider[kind].revokeByGrantId(id);
      await (await provider.Grant.find(id))?.destroy();
    }
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const deed = JSON.parse(line);
  console.log(JSON.stringify(await deeds[deed.do](deed) ?? {}));
}
process.exit(0);
