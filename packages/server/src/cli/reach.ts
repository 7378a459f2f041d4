/**
 * One request to the server. A redirect is not followed: the request may carry a password or a token, and would go to
 * another place than the operator named.
 */
export async function reach(url: string, init: RequestInit): Promise<Response> {
  const response = await fetch(url, { ...init, redirect: 'manual' });
  if (response.status < 300 || response.status > 399) return response;
  await response.body?.cancel();
  throw new Error(`${new URL(url).origin} answers with a redirect, which is not followed: name the server itself.`);
}
