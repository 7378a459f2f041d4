/** nginx with a file of deploy/proxy, for tests. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { testCertificate, testCertificateKey } from '../packages/server/test/support/tls.ts';

const files = fileURLToPath(new URL('../deploy/proxy/', import.meta.url));

/** Starts nginx with the file as it is, but for these texts, each of which must be in it, and the folder. It ends with the test. */
export async function startNginx(
  folder: string,
  name: string,
  replaced: readonly (readonly [text: string, by: string])[],
): Promise<void> {
  mkdirSync(join(folder, 'tls'));
  writeFileSync(join(folder, 'tls', 'certificate.pem'), testCertificate);
  writeFileSync(join(folder, 'tls', 'key.pem'), testCertificateKey);
  let text = readFileSync(join(files, name), 'utf8')
    .replaceAll('/tmp/', `${folder}/`)
    .replaceAll('/etc/countersign/', `${folder}/`);
  for (const [old, by] of replaced) {
    if (!text.includes(old)) throw new Error(`${name} has no ${old}`);
    text = text.replaceAll(old, by);
  }
  writeFileSync(join(folder, name), text);
  const child = spawn('/usr/sbin/nginx', ['-c', join(folder, name), '-p', folder, '-g', 'daemon off;'], {
    stdio: 'ignore',
  });
  onTestFinished(async () => {
    if (child.exitCode !== null) return;
    child.kill('SIGQUIT');
    await once(child, 'exit');
  });
}
