import { digest } from '../../proof/src/digest.ts';

export const page = digest;
