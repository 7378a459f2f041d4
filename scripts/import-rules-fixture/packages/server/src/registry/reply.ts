import { Hono } from 'hono';

export const reply = Hono;
