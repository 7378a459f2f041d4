import { z } from 'zod';
import { mailAddress } from './mail-address.ts';
import { lineOfText } from './text.ts';

/** How to reach the administrators of a realm. Shown in discovery, on `/` and `/docs`, and in mails. */
export const contactSchema = z.strictObject({
  name: lineOfText(200).optional(),
  email: z
    .string()
    .refine((text) => mailAddress(text) !== undefined, 'must be an e-mail address')
    .optional(),
  url: lineOfText(2_048)
    .regex(/^https?:\/\/[^/?#\\@\s]+[^\s]*$/i, 'must be an http or https URL')
    .refine((text) => URL.canParse(text), 'must be an http or https URL')
    .optional(),
});
export type Contact = Readonly<z.output<typeof contactSchema>>;
