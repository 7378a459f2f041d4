/**
 * A whole network on loopback in one command: `npm run demo`.
 *
 * Every step makes the calls of a participant, an administrator or a verifier over real HTTP, and says what it proved. The
 * command ends with exit code 0 only if every step succeeded.
 */
import { corporate } from './demo/corporate.ts';
import { offboard } from './demo/member.ts';
import { messages } from './demo/messages.ts';
import { participants } from './demo/participants.ts';
import { recovery } from './demo/recovery.ts';
import { raiseStage } from './demo/stage.ts';
import { wallets } from './demo/wallets.ts';

const stage = await raiseStage();
try {
  process.stdout.write(`\nCountersign demonstration, on ${stage.url}\n\n`);
  const network = await participants(stage);
  await messages(stage, network);
  await corporate(stage);
  await wallets(stage);
  await offboard(stage, network.agent, network.lender);
  await recovery(stage);
  process.stdout.write('\nEverything held.\n');
} finally {
  await stage.close();
}
