/** Caddy with the file of deploy/proxy, for tests. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { testCertificate, testCertificateKey } from '../packages/server/test/support/tls.ts';

const file = fileURLToPath(new URL('../deploy/proxy/Caddyfile', import.meta.url));

/**
 * Starts Caddy with the file as it is, but for the name and certificate of the site, and the one server behind it. It ends with
 * the test.
 */
export function startCaddy(folder: string, port: number, upstream: string): void {
  writeFileSync(join(folder, 'certificate.pem'), testCertificate);
  writeFileSync(join(folder, 'key.pem'), testCertificateKey);
  const replaced = [
    [
      'id.example {',
      `https://localhost:${port} {\n\tbind 127.0.0.1\n\ttls ${folder}/certificate.pem ${folder}/key.pem`,
    ],
    ['h2c://node-1:8080 h2c://node-2:8080', `h2c://${upstream}`],
    ['node-1:8080 node-2:8080', upstream],
  ] as const;
  let text = readFileSync(file, 'utf8');
  for (const [old, by] of replaced) {
    if (!text.includes(old)) throw new Error(`the Caddyfile has no ${old}`);
    text = text.replace(old, by);
  }
  // No other port, and nothing outside of the folder.
  const apart =
    '{\n\tadmin off\n\tauto_https disable_redirects\n\tgrace_period 1s\n\tservers {\n\t\tprotocols h1 h2\n\t}\n}\n';
  writeFileSync(join(folder, 'Caddyfile'), apart + text);
  const child = spawn('caddy', ['run', '--config', join(folder, 'Caddyfile'), '--adapter', 'caddyfile'], {
    stdio: 'ignore',
    env: { ...process.env, HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder },
  });
  onTestFinished(async () => {
    if (child.exitCode !== null) return;
    child.kill('SIGTERM');
    await once(child, 'exit');
  });
}
