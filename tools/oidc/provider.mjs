// A real OpenID provider for the tests: panva's oidc-provider, with one client and a person who logs in at once.
// What a right provider never does (a foreign nonce, audience, issuer or signature, an expired token) is done to its
// ID token on the way out, signed again with its own key where the case says so.
//
// Arguments: the client's secret and its redirect address. `PUT /case` says who logs in, and what goes wrong.

import { createServer } from 'node:http';
import { generateKeyPair, exportJWK, SignJWT, decodeJwt } from 'jose';
import { Provider } from 'oidc-provider';

const [secret, redirect] = process.argv.slice(-2);
const { privateKey } = await generateKeyPair('RS256', { extractable: true });
const { privateKey: foreignKey } = await generateKeyPair('RS256');
const jwk = { ...(await exportJWK(privateKey)), kid: 'one', use: 'sig', alg: 'RS256' };

/** Who logs in (`sub`, `email`, `email_verified`, `amr`, `acr`), what is wrong (`claims`, `foreign_key`). */
let now = {};

const server = createServer();
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  clients: [{ client_id: 'surety', client_secret: secret, redirect_uris: [redirect], application_type: 'native' }],
  jwks: { keys: [jwk] },
  cookies: { keys: ['for the tests only'] },
  claims: { openid: ['sub', 'amr', 'acr'], email: ['email', 'email_verified'] },
  acrValues: ['two'],
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  pkce: { required: () => true },
  conformIdTokenClaims: true,
  findAccount: (_ctx, sub) => ({
    accountId: sub,
    claims: () => ({ sub, email: now.email, email_verified: now.email_verified }),
  }),
});

provider.use(async (ctx, next) => {
  await next();
  if (ctx.oidc?.route !== 'token' || !ctx.body?.id_token || !(now.claims || now.foreign_key)) return;
  const claims = { ...decodeJwt(ctx.body.id_token), ...now.claims };
  const key = now.foreign_key ? foreignKey : privateKey;
  const id_token = await new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: 'one' }).sign(key);
  ctx.body = { ...ctx.body, id_token };
});

async function interact(request, response) {
  const { params } = await provider.interactionDetails(request, response);
  const grant = new provider.Grant({ accountId: now.sub, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  const login = { accountId: now.sub, amr: now.amr, acr: now.acr, remember: false };
  await provider.interactionFinished(request, response, { login, consent: { grantId: await grant.save() } });
}

async function setCase(request, response) {
  let body = '';
  for await (const part of request) body += part;
  now = JSON.parse(body);
  response.writeHead(204).end();
}

const callback = provider.callback();
server.on('request', (request, response) => {
  const path = request.url;
  const handled =
    path === '/case' ? setCase(request, response)
    : path.startsWith('/interaction/') ? interact(request, response)
    : callback(request, response);
  Promise.resolve(handled).catch((error) => {
    console.error(error);
    response.writeHead(500).end();
  });
});
console.log(`listening on ${issuer}`);
// The test holds the other end: when it goes, so do we.
process.stdin.on('end', () => process.exit(0)).resume();
