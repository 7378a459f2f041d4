import { createParticipant } from '@countersign/client';
import { startCountersign, startPeer, withDirectory } from './child.ts';
import { ratio, rotate, spread } from './measure.ts';
import type { MessageServer } from './message-server.ts';
import { members, network, realm, requireProtection, signedLoad } from './middleware.ts';
import type { ProxyServer } from './proxy-server.ts';
import { type Row, times } from './report.ts';

/**
 * Compares `countersign gateway` with a bare reverse proxy of `node:http` in front of the same application: the CPU time of the
 * proxy alone, for signed requests of 2 KiB (ES256). The gateway verifies each request, names the sender to the application,
 * and signs the response; the bare proxy checks nothing.
 */
export async function measureGateway(rounds: number): Promise<readonly Row[]> {
  return withDirectory(async (dataDir) => {
    const countersign = await startCountersign({ dataDir, network });
    const issuer = `http://localhost:${countersign.port}/realms/${realm}`;
    const sender = createParticipant({ issuer, ...members.sender, privateKey: members.sender.privateJwk });
    const { clientId, clientSecret, privateJwk: privateKey } = members.receiver;
    const credentials = { issuer, clientId, clientSecret, privateKey };
    const told: MessageServer = { framework: 'Fastify', mode: 'plain', ...credentials };
    const application = await startPeer('message-server.ts', [JSON.stringify(told)]);
    const proxy = (mode: ProxyServer['mode']) => {
      const server: ProxyServer = { mode, upstream: `http://127.0.0.1:${application.port}`, ...credentials };
      return startPeer('proxy-server.ts', [JSON.stringify(server)]);
    };
    const [bare, gateway] = [await proxy('bare'), await proxy('gateway')];
    await requireProtection(bare, false);
    await requireProtection(gateway, true);
    const contenders = [await signedLoad('bare', bare, sender), await signedLoad('gateway', gateway, sender)];
    for (const { round } of contenders) for (let turn = 0; turn < 3; turn++) await round();
    const rates = await rotate(contenders, rounds);
    for (const child of [bare, gateway, application, countersign]) await child.stop();
    sender.close();
    const microseconds = (rate: readonly number[]) => Math.round(1e6 / spread(rate).median);
    return [
      {
        what: 'gateway, verifying and signing, CPU time against a bare reverse proxy',
        measured: ratio(rates.bare, rates.gateway),
        format: times,
        note: `${microseconds(rates.gateway)} µs a request, the bare proxy ${microseconds(rates.bare)} µs`,
      },
    ];
  });
}
