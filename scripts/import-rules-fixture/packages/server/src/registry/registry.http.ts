export const routes = ['/participant-roles'];
