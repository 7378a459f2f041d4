import { z } from 'zod';
import type { UpdatedPassword } from './password.ts';
import { passwordInfoSchema } from './password-version.ts';

/** The answer of every change of a password. */
export const updateResponse = z.object({
  passwordInfo: passwordInfoSchema,
  /** The token of a new session. Earlier sessions have ended. */
  token: z.string(),
  /** Only if the new session is restricted: the step for which its token must be used. */
  restriction: z.string().optional(),
});

export function updatedPassword({ passwordInfo, opened }: UpdatedPassword): z.output<typeof updateResponse> {
  const restriction = opened.session.restriction?.to;
  return { passwordInfo, token: opened.token, ...(restriction && { restriction }) };
}
