import { type Participant, webCrypto } from '@countersign/client';
import { parsePublicJwk, thumbprint } from '@countersign/proof';
import type { Forum } from './forgeries.ts';
import { refused, write } from './letter.ts';
import { type Member, publicHalf, rsaKey, speaking } from './member.ts';
import { administer, type Stage, step } from './stage.ts';

/** Milliseconds. A verifier that has just asked the registry in vain does so again a second later, so a new key is published first. */
const talkingTime = 1_500;

/** A new key beside the old one, messages all the while, and the end of the old one. The loan agent speaks with the new key then. */
export async function rotation(stage: Stage, forum: Forum): Promise<Forum> {
  const { agent, lender, secondLender, speakingAgent: old } = forum;
  const renewedAgent = { ...agent, privateJwk: rsaKey() };
  const renewed = speaking(stage, renewedAgent);
  const keys = `/realms/dev/admin/participants/${agent.participantId}/keys`;

  await step('The loan agent changes its key while messages flow', async () => {
    let messages = 0;
    async function talk(speaker: Participant): Promise<void> {
      for (const end = performance.now() + talkingTime; performance.now() < end; messages++) await ask(speaker, lender);
    }
    const before = talk(old);
    await administer(stage, keys, { publicKey: publicHalf(renewedAgent.privateJwk) });
    await before;
    await Promise.all([talk(old), talk(renewed)]);
    return {
      value: undefined,
      proved: `${messages} messages and their answers, with the old key and the new one, and none was refused`,
    };
  });

  await step('The old key is retired; what it signs now is refused', async () => {
    await administer(stage, `${keys}/${await thumbprintOf(agent)}/retire`);
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

async function thumbprintOf({ privateJwk }: Member): Promise<string> {
  const parsed = parsePublicJwk(publicHalf(privateJwk));
  if (!parsed.ok) throw new Error('the key of a member is not acceptable');
  return thumbprint(parsed.key, webCrypto);
}
