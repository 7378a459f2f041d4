import { type Participant, retireKey, rotateKey } from '@countersign/client';
import type { Forum } from './forgeries.ts';
import { refused, write } from './letter.ts';
import { type Member, rsaKey, speaking } from './member.ts';
import { type Stage, step } from './stage.ts';

/**
 * Milliseconds. A verifier that found no new key asks the registry again only a second later, so a new key is published first.
 */
const talkingTime = 1_500;

/**
 * Adds a new key beside the old one while messages flow, then ends the old one. After that the loan agent signs with the new
 * key.
 */
export async function rotation(stage: Stage, forum: Forum): Promise<Forum> {
  const { agent, lender, secondLender, speakingAgent: old } = forum;
  const renewedAgent = { ...agent, privateJwk: rsaKey() };
  const renewed = speaking(stage, renewedAgent);
  const own = { issuer: stage.issuer, participantId: agent.participantId };

  const replaced = await step(
    'The loan agent changes its key by itself, signed by the new one and the old, while messages flow',
    async () => {
      let messages = 0;
      async function talk(speaker: Participant): Promise<void> {
        for (const end = performance.now() + talkingTime; performance.now() < end; messages++)
          await ask(speaker, lender);
      }
      const before = talk(old);
      const keys = { currentKey: agent.privateJwk, newKey: renewedAgent.privateJwk };
      const { previous } = await rotateKey({ ...own, ...keys, overlapSeconds: 3_600 });
      await before;
      await Promise.all([talk(old), talk(renewed)]);
      return {
        value: previous,
        proved: `${messages} messages and their answers, with the old key and the new one, and none was refused`,
      };
    },
  );

  await step('The old key is retired; its new signatures are refused', async () => {
    for (const { thumbprint } of replaced) {
      await retireKey({ ...own, currentKey: renewedAgent.privateJwk, thumbprint });
    }
    const letter = await write(old, secondLender, 'rfc7797');
    const said = await refused(letter, 'message.key_retired', forum.speakingLender, agent);
    await ask(renewed, secondLender);
    return { value: undefined, proved: `retired key: ${said} The new key is welcome there` };
  });
  old.close();
  return { ...forum, agent: renewedAgent, speakingAgent: renewed };
}

/** A GET has no body: the signature covers its target. */
async function ask(speaker: Participant, lender: Member): Promise<void> {
  const url = `${lender.baseUrl}/v4.0.0alpha/loanApplications/loan-1`;
  const { status, countersign } = await speaker.fetch(url, { to: lender.participantId, form: 'strict' });
  if (status !== 200 || countersign?.form !== 'strict') throw new Error(`the lender answered ${status}`);
}
