import { ring } from '../../server/src/subject/ring.ts';

export const network = ring;
