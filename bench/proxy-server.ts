import { Agent, createServer, request } from 'node:http';
import type { PrivateJwk } from '@countersign/client';
import { startGateway } from '../packages/server/src/gateway/start.ts';
import { createLog } from '../packages/server/src/kernel/log.ts';

/** The second argument of the process, as JSON, after its port. */
export interface ProxyServer {
  readonly mode: 'bare' | 'gateway';
  readonly upstream: string;
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly privateKey: PrivateJwk;
}

const port = Number(process.argv[2]);
const { mode, upstream, ...participant } = JSON.parse(process.argv[3] ?? '') as ProxyServer;
const free = { host: '127.0.0.1', port: 0 };

const start = {
  /** A proxy that one could write in an afternoon: it passes every byte there and back and checks none. */
  bare() {
    const agent = new Agent({ keepAlive: true });
    createServer((incoming, outgoing) => {
      const { method, url, headers } = incoming;
      const passed = request(new URL(url ?? '/', upstream), { agent, method, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      });
      incoming.pipe(passed);
    }).listen(port, '127.0.0.1');
  },
  async gateway() {
    const options = {
      upstream: new URL(upstream),
      listen: { host: '127.0.0.1', port },
      adminListen: free,
      forwardListen: undefined,
      publicUrl: undefined,
      unsigned: [],
      maxBody: 1_048_576,
      maxResponse: undefined,
      spoolDir: undefined,
      timeout: 10_000,
      subjectKey: undefined,
      tls: undefined,
      logLevel: 'warn',
      unsafe: { listenForOtherMachines: false, allowPlainHttp: false },
      accept: ['message'],
      client: participant,
      participant: { ...participant, form: 'rfc7797' },
      subjectAudience: undefined,
      trustedProxies: [],
    } as const;
    await startGateway(options, createLog('warn'));
  },
} as const satisfies Record<ProxyServer['mode'], () => unknown>;

await start[mode]();
process.once('SIGTERM', () => process.exit(0));
