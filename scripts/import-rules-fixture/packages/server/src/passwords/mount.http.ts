import { routes } from '../registry/registry.http.ts';

export const mounted = routes;
