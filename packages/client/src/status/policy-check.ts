import { amount, type Checks, either, flag, oneOf, optional, options as optionsOf } from '@countersign/proof/argument';
import type { StatusPolicy } from './status.ts';

const policyChecks: Checks<StatusPolicy> = {
  maxStalenessSeconds: optional(amount),
  onStale: optional(oneOf('closed', 'open')),
  pollSeconds: optional(amount),
  events: optional(flag),
};

export const statusCheck = optional(
  either((value, name) => optionsOf(value as StatusPolicy, name, policyChecks), oneOf('none')),
);
