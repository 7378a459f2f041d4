/**
 * A loan agent. It asks every lender of a product network for an offer, and believes only signed answers. Start it with the
 * server of `npm start` and the lender in other terminals:
 *
 *     node examples/loan-agent.ts
 */
import { createParticipant } from '@countersign/client';
import { countersign } from '@countersign/client/fastify';
import fastify from 'fastify';
import { credentials } from './parts/credentials.ts';
import { acknowledgement, type LoanResponse, loanRequest, paths } from './parts/loan.ts';

const publicUrl = `http://localhost:${process.env.PORT ?? 9001}`;
const network = process.env.PRODUCT_NETWORK ?? 'example-network';
const agent = createParticipant(credentials('loan-agent'));
const lenders = new Map((await agent.registry.network(network)).LENDER?.map((lender) => [lender.id, lender]));

const app = fastify();
await app.register(countersign, { participant: agent, publicUrl });

app.post<{ Body: LoanResponse }>(paths.response, async ({ body, countersign: { participant, signature } }, reply) => {
  console.log(
    `signed by ${participant.participant?.participantName} (${signature.form}): ${body.response.responseDetail}`,
  );
  lenders.delete(participant.id);
  if (lenders.size === 0) reply.raw.once('close', () => app.close());
  return acknowledgement(body);
});

await app.listen({ port: Number(new URL(publicUrl).port), host: 'localhost' });

const body = JSON.stringify(loanRequest(network));
const headers = { 'content-type': 'application/json' };
for (const { id, baseUrl } of lenders.values()) {
  const answer = await agent.fetch(`${baseUrl}${paths.request}`, { to: id, method: 'POST', headers, body });
  console.log(`signed by ${answer.countersign?.participant.participant?.participantName}: it has our request`);
}
// The program does not wait for ever for a lender that does not answer.
setTimeout(() => process.exit(1), 30_000).unref();
