import { z } from 'zod';
import type { UpdatedPassword } from './password.ts';
import { passwordInfoSchema } from './password-version.ts';

/** What every change of a password answers. */
export const updateResponse = z.object({
  passwordInfo: passwordInfoSchema,
  /** Of a new session: those from before have ended. */
  token: z.string(),
  /** Only where the new session is restricted: what is still to be done with its token. */
  restriction: z.string().optional(),
});

export function updatedPassword({ passwordInfo, logon }: UpdatedPassword): z.output<typeof updateResponse> {
  const restriction = logon.session.restriction?.to;
  return { passwordInfo, token: logon.token, ...(restriction && { restriction }) };
}
