import { request } from '../../client/src/request.ts';

export const chain = request;
