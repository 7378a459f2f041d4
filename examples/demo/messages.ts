/** The first document, second half: participants sign their messages, and verify a message before they act on it. */
import { type Forum, forgeries, relays } from './forgeries.ts';
import { onboard, speaking } from './member.ts';
import type { Network } from './participants.ts';
import { run } from './program.ts';
import { receipts } from './receipts.ts';
import { rotation } from './rotation.ts';
import { administer, type Stage, step } from './stage.ts';
import { suspension } from './suspension.ts';

export async function messages(stage: Stage, { agent, lender }: Network): Promise<void> {
  const secondLender = await onboard(stage, 'LENDER', 'Second Lender');
  const programs = [run(stage, 'lender', lender), run(stage, 'lender', secondLender)] as const;
  const forum: Forum = {
    ...{ agent, lender, secondLender, lenderProgram: programs[0], secondLenderProgram: programs[1] },
    speakingAgent: speaking(stage, agent),
    speakingLender: speaking(stage, lender),
  };
  try {
    await Promise.all(programs.map((program) => program.line('the lender is on')));
    await exchange(stage, forum);
    await forgeries(stage, forum);
    await receipts(stage, forum);
    const renewed = await rotation(stage, forum);
    await relays(renewed);
    await suspension(stage, renewed);
  } finally {
    forum.speakingAgent.close();
    forum.speakingLender.close();
    await Promise.all(programs.map((program) => program.stop()));
  }
}

/** Runs two programs of examples/, each in its own process. */
async function exchange(stage: Stage, { agent, lender, lenderProgram }: Forum): Promise<void> {
  await administer(stage, '/realms/dev/admin/network', {
    realms: [
      {
        name: 'dev',
        productNetworks: [
          {
            ...{ id: 'demo-network', name: 'Demo network', productId: 'example-loan' },
            participants: [agent.participantId, lender.participantId],
          },
        ],
      },
    ],
  });
  const program = run(stage, 'loan-agent', agent, { PRODUCT_NETWORK: 'demo-network' });
  await step(
    'The loan agent sends a signed loan request; the lender verifies it and signs its acknowledgement',
    async () => {
      const [asked, acknowledged] = [
        await lenderProgram.line(`signed by ${agent.name}`),
        await program.line(`signed by ${lender.name}: it has our request`),
      ];
      return { value: undefined, proved: `at the lender “${asked}”, at the loan agent “${acknowledged}”` };
    },
  );
  await step(
    'The lender calls back with its offer, signed; the loan agent verifies it and signs its acknowledgement',
    async () => {
      const [offered, acknowledged] = [
        await program.line(`signed by ${lender.name} (`),
        await lenderProgram.line(`signed by ${agent.name}: it has our offer`),
      ];
      if ((await program.ended) !== 0) throw new Error('the loan agent did not end well');
      return { value: undefined, proved: `at the loan agent “${offered}”, at the lender “${acknowledged}”` };
    },
  );
}
