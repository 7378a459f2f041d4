/** The attacks with a signed message that a stranger on its way, or its recipient, could try. */
import type { Participant } from '@countersign/client';
import { accepted, type Letter, refused, send, write } from './letter.ts';
import { type Member, rsaKey, speaking } from './member.ts';
import type { Program } from './program.ts';
import { type Stage, step } from './stage.ts';

export interface Forum {
  readonly agent: Member;
  readonly lender: Member;
  readonly secondLender: Member;
  readonly lenderProgram: Program;
  readonly secondLenderProgram: Program;
  readonly speakingAgent: Participant;
  readonly speakingLender: Participant;
}

export async function forgeries(stage: Stage, forum: Forum): Promise<void> {
  const { agent, lender, lenderProgram, speakingAgent, speakingLender } = forum;

  await step('A loan request that was tampered with on its way is refused', async () => {
    const letter = await write(speakingAgent, lender, 'rfc7797');
    const more = new TextDecoder().decode(letter.message.body).replace('250000.00', '950000.00');
    const tampered = { ...letter, message: { ...letter.message, body: new TextEncoder().encode(more) } };
    const said = await refused(tampered, 'message.signature', speakingLender, agent);
    return { value: undefined, proved: `tampered body: ${said}` };
  });

  await step(
    'A loan request that a stranger signs with another key is refused, even with the loan agent’s token',
    async () => {
      const stranger = speaking(stage, { ...agent, privateJwk: rsaKey() });
      const letter = await write(stranger, lender, 'rfc7797');
      return {
        value: undefined,
        proved: `foreign key: ${await refused(letter, 'message.signature', speakingLender, agent)}`,
      };
    },
  );

  await step('A strict loan request is received once: its replay is refused', async () => {
    const letter = await write(speakingAgent, lender, 'strict');
    accepted(await send(letter));
    const said = await refused(letter, 'message.replayed', speakingLender, agent);
    return { value: undefined, proved: `replay: ${said}` };
  });

  await step('The other forms bind only bytes: a replay passes, and the lender is told that it is one', async () => {
    for (const form of ['ocen', 'rfc7797'] as const) {
      const letter = await write(speakingAgent, lender, form);
      accepted(await send(letter));
      accepted(await send(letter));
      await lenderProgram.line(`signed by ${agent.name} (${form}, seen)`);
    }
    return {
      value: undefined,
      proved: 'reported as “seen”, in ocen and in rfc7797; an idempotent lender makes no second offer',
    };
  });
}

/** A lender relays a received message to another lender, with the token that came with it. */
export async function relays({ agent, lender, secondLender, secondLenderProgram, ...forum }: Forum): Promise<void> {
  const relayed = (letter: Letter): Letter => ({ ...letter, to: secondLender });

  await step('Relayed to a second lender, a message in the ocen form passes there: it names no recipient', async () => {
    const letter = await write(forum.speakingAgent, lender, 'ocen');
    accepted(await send(letter));
    accepted(await send(relayed(letter)));
    const line = await secondLenderProgram.line(`signed by ${agent.name} (ocen`);
    return { value: undefined, proved: `as it must, with what OCEN 4.0 signs: at the second lender “${line}”` };
  });

  await step('Relayed to a second lender, a message in the strict form is refused there', async () => {
    const letter = await write(forum.speakingAgent, lender, 'strict');
    accepted(await send(letter));
    const elsewhere = {
      ...letter.message,
      target: letter.message.target.replace(lender.baseUrl, secondLender.baseUrl),
    };
    const said = await refused({ ...relayed(letter), message: elsewhere }, 'message.htu', forum.speakingLender, agent);
    return { value: undefined, proved: `relay: ${said}` };
  });
}
