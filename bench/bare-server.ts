import { generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { createServer } from 'node:http';
import { type Alg, bench } from './network.ts';

/**
 * A token server that one could write in an afternoon: `node:http`, a Map of clients, a signature. It checks only "does this
 * client exist, and is this its secret", and its tokens have the same claims as ours. Use it only for measuring.
 */
const port = Number(process.argv[2]);

interface Key {
  readonly header: string;
  readonly sign: (input: Buffer) => Buffer;
}

const es256 = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const ed25519 = generateKeyPairSync('ed25519').privateKey;
const rs256 = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;

const keys: Record<Alg, Key> = {
  // The bare key and a conversion: with `dsaEncoding` Node 24 signs at half the speed, and this server must be fast.
  ES256: { header: header('ES256'), sign: (input) => fromDer(sign('sha256', input, es256)) },
  Ed25519: { header: header('Ed25519'), sign: (input) => sign(null, input, ed25519) },
  RS256: { header: header('RS256'), sign: (input) => sign('sha256', input, rs256) },
};

const clients = new Map([[bench.clientId as string, { secret: bench.clientSecret as string, sub: randomUUID() }]]);
const issuer = `http://127.0.0.1:${port}`;

createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const form = new URLSearchParams(Buffer.concat(chunks).toString());
    const clientId = form.get('client_id') ?? '';
    const client = clients.get(clientId);
    const key = keys[request.url?.slice(1) as Alg];
    if (client === undefined || client.secret !== form.get('client_secret') || key === undefined) {
      response.writeHead(401).end();
      return;
    }
    const iat = Math.floor(Date.now() / 1000);
    const claims = {
      iss: issuer,
      sub: client.sub,
      aud: issuer,
      exp: iat + 600,
      iat,
      nbf: iat,
      jti: randomUUID(),
      typ: 'Bearer',
      azp: clientId,
      client_id: clientId,
      scope: '',
      gen: 1,
      participantId: bench.participantId,
      realm_access: { roles: ['LENDER'] },
      resource_access: { [bench.resource]: { roles: bench.roles } },
    };
    const input = `${key.header}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`;
    const token = `${input}.${key.sign(Buffer.from(input)).toString('base64url')}`;
    const body = JSON.stringify({ access_token: token, expires_in: 600, token_type: 'Bearer', scope: '' });
    response.writeHead(200, {
      'content-type': 'application/json',
      'cache-control': 'no-store',
      'content-length': body.length,
    });
    response.end(body);
  });
}).listen(port, '127.0.0.1');
process.once('SIGTERM', () => process.exit(0));

function header(alg: Alg): string {
  return Buffer.from(JSON.stringify({ alg, typ: 'at+jwt', kid: randomUUID() })).toString('base64url');
}

/** Converts SEQUENCE { INTEGER r, INTEGER s } to r||s, without checks because OpenSSL made it. */
function fromDer(der: Buffer): Buffer {
  const signature = Buffer.alloc(64);
  const rEnd = 4 + (der[3] as number);
  const sEnd = rEnd + 2 + (der[rEnd + 1] as number);
  const r = der.subarray(Math.max(4, rEnd - 32), rEnd);
  const s = der.subarray(Math.max(rEnd + 2, sEnd - 32), sEnd);
  r.copy(signature, 32 - r.length);
  s.copy(signature, 64 - s.length);
  return signature;
}
