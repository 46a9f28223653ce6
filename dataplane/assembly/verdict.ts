// What a step says of the request.

/** Go on with the next step. */
export const NEXT: i32 = 0;
/** Answered; nothing more is to be done. */
export const DONE: i32 = 1;
/** Paused until an answer comes from outside. */
export const WAIT: i32 = 2;
