import { z } from 'zod';
import { longestPassword } from './secrets/password-text.ts';

/** The rules of a password profile for one credential type. The network file and the password calls share them. */

/**
 * NIST SP 800-63B-4 §3.1.1.2: at least 15 characters if a password is the only factor, 8 if it is one of two, and at
 * least 64 allowed; "SHALL NOT impose other composition rules", "SHALL NOT require subscribers to change passwords
 * periodically". A profile may demand more.
 */
const leastLength = 8;
const defaultMinimum = 15;
const mostLength = longestPassword;

export const passwordRulesSchema = z
  .strictObject({
    minimumLength: z.int().min(leastLength).max(mostLength).optional(),
    maximumLength: z.int().min(leastLength).max(mostLength).optional(),
    /** Character classes that must occur: lower case, upper case, digits, others. */
    complexity: z.int().min(0).max(4).optional(),
    /** 0 means never. */
    expiryPeriodDays: z.int().min(0).max(36_500).optional(),
    /** Number of earlier versions that may not be used again. The present one never may. */
    historySize: z.int().min(0).max(100).optional(),
    /** `required`: a login needs a second factor even if the credential has none yet. */
    secondFactor: z.enum(['optional', 'required']).optional(),
  })
  .refine(({ minimumLength = defaultMinimum, maximumLength = mostLength }) => minimumLength <= maximumLength, {
    message: `must not be less than minimumLength (${defaultMinimum} when it is left out)`,
    path: ['maximumLength'],
  });

export const credentialTypes = ['ROOT', 'USER'] as const;
export type CredentialType = (typeof credentialTypes)[number];

export const passwordConfigSchema = z.strictObject({
  ROOT: passwordRulesSchema.optional(),
  USER: passwordRulesSchema.optional(),
});

export type PasswordConfig = Readonly<z.output<typeof passwordConfigSchema>>;

/** All rules with their defaults filled in. Lengths count characters (code points after NFKC). */
export interface PasswordRules {
  readonly minimumLength: number;
  readonly maximumLength: number;
  readonly complexity: number;
  readonly expiryPeriodDays: number;
  readonly historySize: number;
  readonly secondFactor: 'optional' | 'required';
}

export function effectiveRules(rules: z.output<typeof passwordRulesSchema>): PasswordRules {
  return {
    minimumLength: rules.minimumLength ?? defaultMinimum,
    maximumLength: rules.maximumLength ?? mostLength,
    complexity: rules.complexity ?? 0,
    expiryPeriodDays: rules.expiryPeriodDays ?? 0,
    historySize: rules.historySize ?? 0,
    secondFactor: rules.secondFactor ?? 'optional',
  };
}
