/** The third document: a credential of a corporate identity logs in, and every service of a chain knows who the call is for. */
import { createEdge } from '@countersign/client';
import { holder } from './holder.ts';
import { raiseServices, register } from './services.ts';
import { administer, type Stage, step } from './stage.ts';

const realm = '/realms/dev';
const code = 'alice@acme.example';
const passwords = ['seven mild otters hum', 'nine loud herons whistle', 'four brisk badgers march'] as const;

export async function corporate(stage: Stage): Promise<void> {
  const credentialId = await invite(stage);
  const alice = holder(stage, credentialId, code);

  await step('Its holder sets the first password with the token of the mail', async () => {
    const mail = await stage.mails.mailTo(code, /csi_/);
    const invitation = /csi_[A-Za-z0-9_-]{43}/.exec(mail)?.[0] as string;
    const { version } = await alice.createPassword(invitation, passwords[0]);
    const again = await alice.refusal(`/passwords/${credentialId}/create`, invitation, {
      password: { value: passwords[1] },
    });
    return { value: version, proved: `password version ${version}; the same token a second time: ${again}` };
  });

  const wrong = await alice.loginRefusal(passwords[1]);
  const unknown = await holder(stage, 'nobody', 'nobody@acme.example').loginRefusal(passwords[0]);
  if (wrong !== unknown) throw new Error(`wrong password: ${wrong}; unknown: ${unknown}`);
  const session = await step('The credential makes a login', async () => {
    const value = await alice.login(passwords[0]);
    return { value, proved: `a session token of 256 bits; wrong password and unknown credential are both ${wrong}` };
  });

  await chain(stage, alice, session);

  await step('A password that has expired opens only its own update', async () => {
    await administer(stage, `${realm}/passwords/${credentialId}/1/expire`);
    const { refusal, token } = await alice.expiredLogin(passwords[0]);
    const elsewhere = await alice.refusal('/auth/subject', token);
    const updated = await alice.updatePassword(token, passwords[0], passwords[1]);
    const old = await alice.loginRefusal(passwords[0]);
    const proved = `${refusal} with a token that elsewhere is ${elsewhere}; version ${updated} works, version 1 is ${old}`;
    return { value: undefined, proved };
  });

  await step('An administrator resets a password without ever knowing one', async () => {
    await administer(stage, `${realm}/admin/credentials/${credentialId}/reset-password`);
    const mail = await stage.mails.mailTo(code, /csr_/);
    const reset = /csr_[A-Za-z0-9_-]{43}/.exec(mail)?.[0] as string;
    const version = await alice.recover(reset, passwords[2]);
    const old = await alice.loginRefusal(passwords[1]);
    return { value: undefined, proved: `a code by mail, version ${version} set with it; version 2 is ${old}` };
  });

  await edgeBurst(stage);
}

/**
 * The document advises: "create a session once for the credential, and then map the username and password to a session token".
 */
async function edgeBurst(stage: Stage): Promise<void> {
  const client = await register(stage, 'edge', []);
  const edge = createEdge({ issuer: stage.issuer, ...client, audience: 'edge' });
  await step('An edge service takes a thousand calls with the same HTTP Basic pair, and logs in once', async () => {
    const headers = { authorization: `Basic ${btoa(`${code}:${passwords[2]}`)}` };
    const before = await openSessions(stage);
    const calls = Array.from({ length: 1_000 }, () => edge.authenticateBasic({ headers, address: '127.0.0.1' }));
    const subjects = new Set((await Promise.all(calls)).map(({ subject }) => subject.id));
    const opened = (await openSessions(stage)) - before;
    if (subjects.size !== 1 || opened !== 1) throw new Error(`${subjects.size} subjects, ${opened} sessions`);
    return { value: undefined, proved: `1,000 calls of ${[...subjects][0]}, ${opened} session opened` };
  });
  edge.close();
}

async function openSessions(stage: Stage): Promise<number> {
  const { sessions } = (await administer(stage, `${realm}/auth/sessions/get`, { credentialId: 'alice' })) as {
    sessions: readonly unknown[];
  };
  return sessions.length;
}

/** An identity of a profile, and a credential without a password. */
async function invite(stage: Stage): Promise<string> {
  return step('An administrator makes an identity and invites its first credential by mail', async () => {
    const profile = { id: 'corporates', name: 'Corporates' };
    await administer(stage, `${realm}/admin/identity-profiles`, profile);
    const rules = { configPerCredentialType: { ROOT: {}, USER: {} } };
    await administer(stage, `${realm}/passwords/profiles/corporates/create`, rules);
    await administer(stage, `${realm}/admin/identities`, { id: 'acme', profileId: 'corporates', name: 'Acme Travel' });
    const credential = { id: 'alice', identityId: 'acme', type: 'ROOT', code };
    await administer(stage, `${realm}/admin/credentials`, credential);
    await administer(stage, `${realm}/admin/credentials/alice/invite`, { deliver: 'mail' });
    return { value: 'alice', proved: 'identity Acme Travel, credential alice@acme.example, a mail through real SMTP' };
  });
}

/** Three services. Each calls the next one with a separate token for it. */
async function chain(stage: Stage, alice: ReturnType<typeof holder>, session: string): Promise<void> {
  const services = await raiseServices(stage);
  try {
    const signed = await alice.signedSubject(session, 'orders', 'call-7');
    await step('The signed subject goes through three services under one correlation id', async () => {
      const { who, by, correlationId } = await services.first.call(signed);
      if (who !== code || correlationId !== 'call-7' || by.join() !== 'ledger,orders') throw new Error('another chain');
      return { value: who, proved: `the third one knows ${who}, call ${correlationId}, passed on by ${by.join(', ')}` };
    });
    await step('A session that is ended by force is noticed by the third service', async () => {
      const last = await services.tokenOfThird(signed);
      const before = await services.third.status(last);
      const begun = performance.now();
      await administer(stage, `${realm}/auth/sessions/terminate`, { credentialId: 'alice' });
      const atServer = await alice.refusal('/auth/subject', session);
      const seconds = await services.third.refusedAfter(last, begun, 10);
      const proved = `before ${before}, at the server at once ${atServer}, at the third service after ${seconds} s`;
      return { value: undefined, proved };
    });
  } finally {
    await services.close();
  }
}
