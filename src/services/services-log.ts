/** Where the services process says what happens, e.g. a pino logger. Nothing that it is given holds a secret. */
export interface ServicesLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
