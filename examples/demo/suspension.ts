import type { Forum } from './forgeries.ts';
import { type Answer, accepted, type Letter, send, write } from './letter.ts';
import { administer, type Stage, step } from './stage.ts';

/** Milliseconds. */
const pause = 100;
const promised = 10_000;

/** The token is still alive and the signature is good: only the status feed tells the lender of the suspension. */
export async function suspension(stage: Stage, { agent, lender, speakingAgent }: Forum): Promise<void> {
  const lifecycle = `/realms/dev/registry/participants/${agent.participantId}`;
  const next = () => write(speakingAgent, lender, 'rfc7797');

  const dead = await step(
    'The loan agent is suspended, and the lender’s own API refuses it within seconds',
    async () => {
      const letter = await next();
      accepted(await send(letter));
      await administer(stage, `${lifecycle}/suspend`, { reason: 'a demonstration' });
      const started = performance.now();
      const { status, code } = await firstRefusal(letter);
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      return {
        value: letter,
        proved: `refused with ${status} ${code} after ${seconds} s, token and signature being good`,
      };
    },
  );

  await step('It is reinstated: its old token stays dead, a new one is accepted', async () => {
    await administer(stage, `${lifecycle}/reinstate`, { reason: 'the end of a demonstration' });
    const refusal = await send(dead);
    if (refusal.status !== 401) throw new Error('the old token lives');
    const answer = await firstWelcome(next);
    return {
      value: undefined,
      proved: `the old token: ${refusal.status} ${refusal.code}; the new one: ${answer.status}`,
    };
  });
}

async function firstRefusal(letter: Letter): Promise<Answer> {
  const deadline = performance.now() + promised;
  while (performance.now() < deadline) {
    const answer = await send(letter);
    if (answer.status === 401) return answer;
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
  throw new Error('the suspension did not bite');
}

async function firstWelcome(next: () => Promise<Letter>): Promise<Answer> {
  const deadline = performance.now() + promised;
  let answer = await send(await next());
  while (answer.status !== 200 && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, pause));
    answer = await send(await next());
  }
  accepted(answer);
  return answer;
}
