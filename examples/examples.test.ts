import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../packages/server/test/support/eventually.ts';
import { freePort } from '../packages/server/test/support/free-port.ts';
import { program } from '../packages/server/test/support/program.ts';
import { publicHalf, rsaKey } from './demo/member.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

function start(file: string, args: readonly string[], env: NodeJS.ProcessEnv) {
  const child = spawn(process.execPath, [resolve(root, file), ...args], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (part) => (output += part));
  const ended = once(child, 'close').then(([code]): Ended => ({ code, output }));
  return { child, ended, output: () => output };
}

describe('npm run demo', () => {
  test('proves each of its steps and ends well', { timeout: 120_000 }, async () => {
    const { code, output } = await start('examples/demo.ts', [], {}).ended;
    const proofs = [
      'proved: OAuth 2.0 client_credentials gave a signed JWT',
      'without a network call',
      'proved: tampered claims: refused (jws.signature',
      'at the lender “signed by Demo Loan Agent (rfc7797, first): a loan request”, at the loan agent “signed by Demo Lender: it has our request”',
      'at the loan agent “signed by Demo Lender (rfc7797): 250000.00 INR at 11 percent”, at the lender “signed by Demo Loan Agent: it has our offer”',
      'proved: tampered body: refused with 401 message.signature; diagnosis bytes_other:',
      'proved: foreign key: refused with 401 message.signature; diagnosis key_other:',
      'proved: replay: refused with 401 message.replayed;',
      'proved: reported as “seen”, in ocen and in rfc7797',
      'of another message: refused (receipt.message',
      'with the old key and the new one, and none was refused',
      'proved: retired key: refused with 401 message.key_retired; diagnosis key_previous:',
      'proved: as it must, with what OCEN 4.0 signs: at the second lender “signed by Demo Loan Agent (ocen, first)',
      'proved: relay: refused with 401 message.htu; diagnosis htu_host:',
      'token and signature being good',
      'proved: the old token: 401 token.subject_revoked; the new one: 200',
      'proved: status OFFBOARDED',
      'proved: refused (oauth.invalid_client',
      'proved: refused (registry.refused',
      'proved: the code of the mail began a delay of 72 hours',
      'for 72 hours to pass it on is refused (wallet.read_only',
      'the lost device is refused (wallet.denied',
      'Everything held.',
    ];
    expect(proofs.filter((proof) => !output.includes(proof))).toEqual([]);
    expect(output).not.toContain('Warning');
    expect(code).toBe(0);
  });

  test('does not end well where no signature is looked at', { timeout: 120_000 }, async () => {
    const believing = `import crypto from 'node:crypto'; import { syncBuiltinESMExports } from 'node:module';
      crypto.verify = () => true; syncBuiltinESMExports();`;
    const preload = `--import=data:text/javascript,${encodeURIComponent(believing)}`;
    const { code, output } = await start('examples/demo.ts', [], { NODE_OPTIONS: preload }).ended;
    expect(output).toContain('proved: OAuth 2.0 client_credentials gave a signed JWT');
    expect(output).not.toContain('Everything held.');
    expect(code).toBe(1);
  });
});

describe('a lender and a loan agent, beside the server that both know', () => {
  const directory = mkdtempSync(join(tmpdir(), 'countersign-examples-'));
  const programs: ReturnType<typeof start>[] = [];
  let environments: Record<'lender' | 'loan-agent', NodeJS.ProcessEnv>;

  beforeAll(async () => {
    const [port = 0, ...others] = await Promise.all([freePort(), freePort(), freePort()]);
    const members = [
      { name: 'loan-agent', role: 'LOAN_AGENT', port: others[0], title: 'The Agent' },
      { name: 'lender', role: 'LENDER', port: others[1], title: 'The Lender' },
    ].map((member) => ({ ...member, privateJwk: rsaKey(), secret: `${member.name}, a secret of one test only` }));
    for (const { name, privateJwk, secret } of members) {
      writeFileSync(join(directory, `${name}.private.jwk`), JSON.stringify(privateJwk));
      writeFileSync(join(directory, `${name}.secret`), secret);
    }
    const network = {
      id: 'example-network',
      name: 'Example network',
      productId: 'example-loan',
      participants: members.map(({ name }) => name),
    };
    const participants = members.map((member) => ({
      id: member.name,
      role: member.role,
      baseUrl: `http://localhost:${member.port}`,
      participant: { participantName: member.title },
      keys: [publicHalf(member.privateJwk)],
      client: { id: member.name, secret: member.secret },
    }));
    const products = [{ id: 'example-loan', name: 'Example loan' }];
    const realm = { name: 'dev', profile: 'ocen4', products, productNetworks: [network], participants };
    writeFileSync(join(directory, 'network.json'), JSON.stringify({ realms: [realm] }));
    const common = { ISSUER: `http://localhost:${port}/realms/dev`, CREDENTIALS: directory };
    environments = {
      'loan-agent': { ...common, PORT: String(others[0]) },
      lender: { ...common, PORT: String(others[1]) },
    };
    programs.push(
      start(program, ['serve'], {
        COUNTERSIGN_PORT: String(port),
        COUNTERSIGN_DATA_DIR: join(directory, 'data'),
        COUNTERSIGN_APPLY: join(directory, 'network.json'),
      }),
    );
    await untilAnswering(`http://localhost:${port}/readyz`);
  });

  afterAll(async () => {
    for (const { child } of programs) child.kill('SIGTERM');
    await Promise.all(programs.map(({ ended }) => ended));
    rmSync(directory, { recursive: true, force: true });
  });

  test('believe each other both ways', async () => {
    const lender = start('examples/lender.ts', [], environments.lender);
    programs.push(lender);
    await untilAnswering(`http://localhost:${environments.lender.PORT}`);
    const agent = await start('examples/loan-agent.ts', [], environments['loan-agent']).ended;
    await eventually(() => lender.output().includes('it has our offer'), 20_000);
    lender.child.kill('SIGTERM');
    expect(agent.output.trim().split('\n').sort()).toEqual([
      'signed by The Lender (rfc7797): 250000.00 INR at 11 percent',
      'signed by The Lender: it has our request',
    ]);
    expect(agent.code).toBe(0);
    expect((await lender.ended).output.trim().split('\n')).toEqual([
      `the lender is on http://localhost:${environments.lender.PORT}`,
      'signed by The Agent (rfc7797, first): a loan request',
      'signed by The Agent: it has our offer',
    ]);
  });
});

/** Resolves as soon as the server answers, with any status. */
async function untilAnswering(url: string): Promise<void> {
  while (
    !(await fetch(url).then(
      () => true,
      () => false,
    ))
  ) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
