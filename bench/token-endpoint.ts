import { createRemoteJWKSet, jwtVerify } from 'jose';
import { type Child, startCountersign, startPeer, withDirectory } from './child.ts';
import { drive, tokenRequest } from './load.ts';
import { type Contender, type Rates, ratio, rotate } from './measure.ts';
import { type Alg, algs, bench, network, realmOf, tokenPath } from './network.ts';
import { type Row, rateNote, share, times } from './report.ts';

const bars: Readonly<Record<Alg, { readonly provider: number; readonly bare?: number }>> = {
  ES256: { provider: 3, bare: 0.7 },
  Ed25519: { provider: 2.5 },
  RS256: { provider: 2, bare: 0.9 },
};

/** Requests in a round: about a second of a server's time. */
const requests: Readonly<Record<Alg, number>> = { ES256: 6_000, Ed25519: 6_000, RS256: 1_500 };

type Name = 'countersign' | 'oidc-provider' | 'bare server';

/** Compares the token endpoint with oidc-provider, and with a server that checks nothing. */
export async function measureTokenEndpoint(rounds: number): Promise<readonly Row[]> {
  return withDirectory(async (dataDir) => {
    const countersign = await startCountersign({ dataDir, network });
    const provider = await startPeer('oidc-provider-server.ts');
    const bare = await startPeer('bare-server.ts');
    const rows: Row[] = [];
    for (const alg of algs) {
      const contenders = [
        contender('countersign', countersign, alg, ourRequest(alg)),
        contender(
          'oidc-provider',
          provider,
          alg,
          tokenRequest('/token', `${bench.clientId}-${alg}`, bench.clientSecret),
        ),
        contender('bare server', bare, alg, tokenRequest(`/${alg}`, bench.clientId, bench.clientSecret)),
      ];
      await requireToken(countersign, alg);
      // After its first seconds a server runs compiled code, so that is measured.
      for (const { round } of contenders) for (let turn = 0; turn < 5; turn++) await round();
      rows.push(...compare(alg, await rotate(contenders, rounds)));
    }
    for (const child of [countersign, provider, bare]) await child.stop();
    return rows;
  });
}

function ourRequest(alg: Alg): string {
  return tokenRequest(tokenPath(realmOf(alg)), bench.clientId, bench.clientSecret);
}

function contender(name: Name, child: Child, alg: Alg, request: string): Contender<Name> {
  return { name, round: () => tokensPerCpuSecond(child, () => request, requests[alg]) };
}

export async function tokensPerCpuSecond(child: Child, next: () => string, count: number): Promise<number> {
  const before = child.cpuSeconds();
  await drive({ port: child.port, next, requests: count });
  return count / (child.cpuSeconds() - before);
}

function compare(alg: Alg, rates: Rates<Name>): Row[] {
  const { provider, bare } = bars[alg];
  return [
    {
      what: `token endpoint, ${alg}, against oidc-provider`,
      measured: ratio(rates.countersign, rates['oidc-provider']),
      format: times,
      bar: { least: provider },
      note: rateNote(rates),
    },
    {
      what: `token endpoint, ${alg}, against a bare server`,
      measured: ratio(rates.countersign, rates['bare server']),
      format: share,
      ...(bare === undefined ? {} : { bar: { least: bare } }),
    },
  ];
}

/** Checks that an independent verifier accepts the measured token. */
async function requireToken(countersign: Child, alg: Alg): Promise<void> {
  const issuer = `http://localhost:${countersign.port}/realms/${realmOf(alg)}`;
  const response = await fetch(`http://127.0.0.1:${countersign.port}${tokenPath(realmOf(alg))}`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: bench.clientId,
      client_secret: bench.clientSecret,
    }),
  });
  const { access_token } = (await response.json()) as { access_token: string };
  const keys = createRemoteJWKSet(new URL(`${issuer}/protocol/openid-connect/certs`));
  await jwtVerify(access_token, keys, { issuer, audience: issuer, algorithms: [alg], typ: 'at+jwt' });
}
