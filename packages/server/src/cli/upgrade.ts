import type { Command } from 'commander';
import { databaseUrlOf, loadConfig } from '../config.ts';
import { systemClock } from '../kernel/clock.ts';
import { print } from './output.ts';
import { createProgress } from './progress.ts';

/** What an upgrade will do to the database, before it does it. */
export function upgradeCommand(program: Command): void {
  program
    .command('upgrade')
    .description(
      'Try the migrations of this version on a copy of the database, while servers run, and tell what they change. `countersign migrate` does it.',
    )
    .requiredOption('--rehearse', 'only try: the database stays as it is')
    .action(async () => {
      const { rehearse } = await import('../store/rehearse.ts');
      const url = databaseUrlOf(loadConfig(process.env).config);
      const progress = createProgress();
      try {
        print(await rehearse(url, systemClock.now(), progress.tell));
      } finally {
        progress.end();
      }
    });
}
