// A real identity provider, npm oidc-provider, on loopback. Run: node oidc_server.mjs '<options as JSON>'
//
// options.lifetime  of access tokens, in seconds (300)
// options.tls       {certificate, key, authority}: paths of PEM files. With it everything is https, and
//                   a client may show a certificate of the authority.
//
// It prints "ready " and a JSON object {issuer, control} once it answers, and ends when its standard input does.
// The client asks per token: resource=urn:api:<name>:opaque|jwt|jwt-ps256|jwt-es256|jwt-eddsa (without one:
// opaque and without audience; the URL of a service on this machine, http://127.0.0.1:<port>/<name>: jwt), and by two headers of its own: x-extra-claims (base64 of JSON) and
// x-token-lifetime (seconds).
//
// What stands in front of the provider: a count of requests, faults, and two more doors to its key set,
// /basic/jwks (user name and password) and /certificate/jwks (client certificate).

import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';

import { Provider, errors } from 'oidc-provider';

const options = JSON.parse(process.argv[2] ?? '{}');
const lifetime = options.lifetime ?? 300;
const reader = `Basic ${Buffer.from('reader:reader-secret').toString('base64')}`;

// -- keys: an order of {jwk, signs}; the first that signs with an algorithm is used ------------------------

const PAIRS = {
  RS256: ['rsa', { modulusLength: 2048 }],
  PS256: ['rsa', { modulusLength: 2048 }],
  ES256: ['ec', { namedCurve: 'P-256' }],
  EdDSA: ['ed25519', {}],
};
// By way of PEM: Node 20 can hang for ever when it exports a generated key object as a JWK.
const PEM = {
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
};
let made = 0;

function makeKey(alg, { kid, pending = false } = {}) {
  made += 1;
  const [type, parameters] = PAIRS[alg];
  const pem = generateKeyPairSync(type, { ...parameters, ...PEM }).privateKey;
  const jwk = createPrivateKey(pem).export({ format: 'jwk' });
  return { jwk: { ...jwk, alg, use: 'sig', kid: kid ?? `${alg.toLowerCase()}-${made}` }, signs: !pending };
}

const makeRing = () => Object.keys(PAIRS).map((alg) => makeKey(alg));
const firstRing = makeRing();
let ring = firstRing;

// -- what the provider keeps; outlives the provider, which is built anew for each change of keys -----------

const kept = new Map();

class Adapter {
  constructor(model) {
    this.model = model;
  }

  at(id) {
    return `${this.model} ${id}`;
  }

  async upsert(id, payload, seconds) {
    kept.set(this.at(id), { payload, until: seconds ? Date.now() + seconds * 1000 : Infinity });
  }

  async find(id) {
    const entry = kept.get(this.at(id));
    return entry && entry.until > Date.now() ? entry.payload : undefined;
  }

  async destroy(id) {
    kept.delete(this.at(id));
  }

  async consume(id) {
    const entry = kept.get(this.at(id));
    if (entry) entry.payload.consumed = Math.floor(Date.now() / 1000);
  }

  async revokeByGrantId(grant) {
    for (const [key, entry] of kept) if (entry.payload.grantId === grant) kept.delete(key);
  }

  async findByUid(uid) {
    return [...kept.values()].find((entry) => entry.payload.uid === uid)?.payload;
  }

  async findByUserCode(code) {
    return [...kept.values()].find((entry) => entry.payload.userCode === code)?.payload;
  }
}

// -- the provider ------------------------------------------------------------------------------------------

const SCOPES = ['read', 'write', 'admin', 'coffee', 'tea'];
const RESOURCE = /^urn:api:[a-z0-9-]+:(opaque|jwt)(?:-(ps256|es256|eddsa))?$/;

const LOCAL = /^http:\/\/127\.0\.0\.1:\d+\/[a-z]+$/;

function resourceServer(resource) {
  const [, format, suffix = 'rs256'] = LOCAL.test(resource) ? [, 'jwt'] : RESOURCE.exec(resource) ?? [];
  if (!format) throw new errors.InvalidTarget();
  const server = { scope: SCOPES.join(' '), audience: resource, accessTokenFormat: format };
  if (format === 'opaque') return server;
  const alg = Object.keys(PAIRS).find((name) => name.toLowerCase() === suffix);
  const { jwk } = ring.find((key) => key.signs && key.jwk.alg === alg);
  return { ...server, jwt: { sign: { alg, kid: jwk.kid } } };
}

function extraClaims(ctx) {
  const header = ctx.get('x-extra-claims');
  return header ? JSON.parse(Buffer.from(header, 'base64').toString()) : {};
}

function client(id, more) {
  return { client_id: id, client_secret: `${id}-secret`, redirect_uris: [], response_types: [], ...more };
}

const forTokens = { grant_types: ['client_credentials'], scope: SCOPES.join(' ') };
const clients = [
  client('service', forTokens),
  ...(options.tls ? [client('bound', { ...forTokens, tls_client_certificate_bound_access_tokens: true })] : []),
  client('middleware', { grant_types: [], introspection_signed_response_alg: 'RS256' }),
];

// What is signed with the same keys and is no access token: `use` is idtoken, logout or introspection.
async function issueOther(provider, use) {
  const token = new provider.IdToken({ sub: 'service' }, { client: await provider.Client.find('middleware') });
  token.scope = 'openid';
  if (use === 'idtoken') token.set('nonce', 'n-0S6_WzA2Mj');
  if (use === 'logout') token.set('events', { 'http://schemas.openid.net/event/backchannel-logout': {} });
  if (use === 'introspection') token.set('token_introspection', { active: true, sub: 'service' });
  return { token: await token.issue({ use, expiresAt: Math.floor(Date.now() / 1000) + lifetime }) };
}

function buildProvider(issuer) {
  const provider = new Provider(issuer, {
    adapter: Adapter,
    clients,
    cookies: { keys: ['only for tests'] },
    extraTokenClaims: extraClaims,
    fetch: (url, { dispatcher, ...more }) => fetch(url, more), // clients publish their keys on loopback here
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      dPoP: { enabled: true }, // for whoever sends a proof to the token endpoint
      introspection: { enabled: true, allowedPolicy: (ctx, caller) => caller.clientId.startsWith('middleware') },
      jwtIntrospection: { enabled: true },
      mTLS: {
        enabled: Boolean(options.tls),
        certificateBoundAccessTokens: true, // for the client "bound"
        getCertificate: (ctx) => ctx.req.socket.getPeerX509Certificate()?.toString(),
      },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => undefined,
        getResourceServerInfo: (ctx, resource) => resourceServer(resource),
      },
      revocation: { enabled: true },
    },
    jwks: { keys: ring.map((key) => key.jwk) },
    scopes: SCOPES,
    ttl: { ClientCredentials: (ctx) => Number(ctx.get('x-token-lifetime')) || lifetime },
  });
  provider.on('server_error', (ctx, error) => console.error(error));
  return { answer: provider.callback(), issue: (use) => issueOther(provider, use) };
}

// -- what stands in front of it ----------------------------------------------------------------------------

let counts = {};
let faults = []; // {path, status, headers, body, delay, drop, count}; delay in seconds
let issuer;
let provider;

function useRing(next) {
  ring = next;
  provider = buildProvider(issuer);
  return { kids: ring.map((key) => key.jwk.kid) };
}

const DOORS = {
  '/basic/jwks': (request) => request.headers.authorization === reader,
  '/certificate/jwks': (request) => request.socket.authorized === true,
};

function answer(response, status, body = '', headers = {}) {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
}

async function front(request, response) {
  const path = request.url.split('?')[0];
  counts[path] = (counts[path] ?? 0) + 1;
  const fault = faults.find((one) => path.startsWith(one.path) && one.count !== 0);
  if (fault) {
    if (fault.count) fault.count -= 1;
    if (fault.delay) await sleep(fault.delay * 1000);
    if (fault.drop) return request.socket.destroy();
    if (fault.status) return answer(response, fault.status, fault.body, fault.headers);
  }
  const opens = DOORS[path];
  if (opens && !opens(request)) return answer(response, 401, '{"error":"invalid_client"}');
  if (opens) request.url = '/jwks';
  return provider.answer(request, response);
}

// -- control -----------------------------------------------------------------------------------------------

function useFaults(list) {
  faults = list;
  return { faults };
}

function reset() {
  counts = {};
  faults = [];
  return useRing(firstRing);
}

function addClient(more) {
  clients.push(client(more.client_id, more));
  return useRing(ring);
}

const commands = {
  '/clients': addClient,
  '/stats': () => counts,
  '/faults': useFaults,
  '/reset': reset,
  '/tokens/issue': ({ use }) => provider.issue(use),
  '/keys/add': ({ alg, ...more }) => useRing([makeKey(alg, more), ...ring]),
  '/keys/remove': ({ kid }) => useRing(ring.filter((key) => key.jwk.kid !== kid)),
  '/keys/replace': () => useRing(makeRing()),
  '/keys/activate': ({ kid }) => {
    const { jwk } = ring.find((key) => key.jwk.kid === kid);
    return useRing([{ jwk, signs: true }, ...ring.filter((key) => key.jwk.kid !== kid)]);
  },
};

async function control(request, response) {
  let text = '';
  for await (const part of request) text += part;
  try {
    answer(response, 200, JSON.stringify(await commands[request.url](JSON.parse(text))));
  } catch (error) {
    answer(response, 500, JSON.stringify({ error: String(error) }));
  }
}

// -- start -------------------------------------------------------------------------------------------------

function makeServer({ tls }) {
  if (!tls) return http.createServer(front);
  const [cert, key, ca] = [tls.certificate, tls.key, tls.authority].map((path) => readFileSync(path));
  return https.createServer({ cert, key, ca, requestCert: true, rejectUnauthorized: false }, front);
}

function listen(server) {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));
}

issuer = `${options.tls ? 'https' : 'http'}://localhost:${await listen(makeServer(options))}`;
useRing(firstRing);
const controlPort = await listen(http.createServer(control));
process.stdin.on('end', () => process.exit(0)).resume();
console.log(`ready ${JSON.stringify({ issuer, control: `http://127.0.0.1:${controlPort}` })}`);
