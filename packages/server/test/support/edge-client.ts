/** TEST SECRET of the client that an edge service is. */
export const edgeSecret = 'secret-of-the-edge-for-tests';
export const audience = 'https://edge.example';
