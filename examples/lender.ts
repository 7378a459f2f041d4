/**
 * A lender. Its API sees only signed requests: one line of middleware proves the sender and signs the responses. The offer
 * follows later, in a separate signed call. Start it with the server of `npm start` in another terminal:
 *
 *     node examples/lender.ts
 */
import { createParticipant, type Verified } from '@countersign/client';
import { countersign } from '@countersign/client/express';
import express from 'express';
import { credentials } from './parts/credentials.ts';
import { acknowledgement, type LoanRequest, loanResponse, paths } from './parts/loan.ts';

const publicUrl = `http://localhost:${process.env.PORT ?? 9002}`;
const lender = createParticipant(credentials('lender'));

const app = express();
app.use(countersign({ participant: lender, publicUrl }));
app.use(express.json());

app.post(paths.request, (request, response) => {
  const { participant, signature } = request.countersign as Verified;
  console.log(
    `signed by ${participant.participant?.participantName} (${signature.form}, ${signature.replay}): a loan request`,
  );
  response.json(acknowledgement(request.body));
  // A stranger who saw the bytes can send them again, so this program must not act on them twice.
  if (signature.replay !== 'seen') offer(participant, request.body).catch((error) => console.log(`${error}`));
});

app.get(paths.state, (request, response) => {
  response.json({ loanApplicationId: request.params.id, state: 'OFFERED' });
});

async function offer({ id, baseUrl }: Verified['participant'], request: LoanRequest): Promise<void> {
  const body = JSON.stringify(loanResponse(request));
  const headers = { 'content-type': 'application/json' };
  const answer = await lender.fetch(`${baseUrl}${paths.response}`, { to: id, method: 'POST', headers, body });
  console.log(`signed by ${answer.countersign?.participant.participant?.participantName}: it has our offer`);
}

app.listen(Number(new URL(publicUrl).port), 'localhost', () => console.log(`the lender is on ${publicUrl}`));
