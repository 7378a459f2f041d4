import { fetchReceiptCerts, requestReceipt, verifyReceipt } from '@countersign/client';
import type { Forum } from './forgeries.ts';
import { accepted, send, write } from './letter.ts';
import { refusalOf } from './refusal.ts';
import { type Stage, step } from './stage.ts';

/** Keys are retired and registries change: a receipt keeps today's proof for the day when a party denies the message. */
export async function receipts(
  { issuer }: Stage,
  { agent, lender, speakingAgent, speakingLender }: Forum,
): Promise<void> {
  await step('The lender has the loan request countersigned, and checks the receipt without any server', async () => {
    const { message, signature, ...letter } = await write(speakingAgent, lender, 'strict');
    accepted(await send({ message, signature, ...letter }));
    const { method, target, body } = message;
    const receipted = { signature, participantId: agent.participantId, method, target, body };
    const receipt = await requestReceipt({ issuer, token: speakingLender, message: receipted });
    const certs = await fetchReceiptCerts({ issuer });

    const { participantId } = await verifyReceipt(receipt, { certs, body });
    if (participantId !== agent.participantId) throw new Error('the receipt is of another participant');
    const other = body.with(0, 0x20);
    const refusal = await refusalOf(verifyReceipt(receipt, { certs, body: other }));
    return { value: undefined, proved: `signed by participant ${participantId}; of another message: ${refusal}` };
  });
}
