import type { AccessTokenSubject } from '@countersign/proof';
import type { Caller } from '../context.ts';
import { authenticateAdministrator } from './authenticate.ts';
import type { Call } from './call.ts';

/** An administrator of the realm in the path: the name of that realm, and who it is for the event log. */
export async function authenticateAdministration(
  call: Call,
): Promise<{ readonly realm: string; readonly caller: Caller }> {
  const subject = await authenticateAdministrator(call);
  const { name } = await call.realm();
  return { realm: name, caller: callerOf(call, subject) };
}

/** A client id of the realm, or `system/<client id>`: both realms may have a client of the same id. */
export function callerOf(call: Call, subject: AccessTokenSubject, realm = call.params.realm): Caller {
  const own = subject.realm === realm;
  return call.caller(own ? subject.clientId : `${subject.realm}/${subject.clientId}`);
}
