// A certified OpenID provider for the tests: oidc-provider with short lives, rotation, PKCE demanded, device flow, client
// credentials and revocation.
//
//   node server.mjs REDIRECT_URI…      prints its issuer, lives until its stdin ends
import { createServer } from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import Provider from 'oidc-provider';

const accessTokenSeconds = Number(process.env.ACCESS_TOKEN_SECONDS ?? 60);
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
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
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
    claims: { openid: ['sub'], email: ['email'] },
    scopes: ['openid', 'email', 'offline_access', 'api:read'],
    clientAuthMethods: ['client_secret_basic', 'private_key_jwt', 'none'],
    cookies: { keys: ['only for tests'] },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, email: `${id}@example.com` }) }),
    issueRefreshToken: (_, client) => client.grantTypeAllowed('refresh_token'),
    pkce: { required: () => true },
    rotateRefreshToken: true,
    ttl: { AccessToken: accessTokenSeconds, ClientCredentials: accessTokenSeconds, AuthorizationCode: 60, DeviceCode: 600, RefreshToken: 3600, Grant: 3600, Session: 3600, Interaction: 600, IdToken: 60 },
  });
  provider.on('server_error', (_, error) => console.error(error));
  handle = provider.callback();
  console.log(JSON.stringify({ issuer, key: privateKey.export({ type: 'pkcs8', format: 'pem' }) }));
});
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
