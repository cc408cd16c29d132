declare module 'saslprep' {
  /** Prepares a text as RFC 4013 says. Throws when it holds what is prohibited. */
  export default function saslprep(text: string, options?: { readonly allowUnassigned?: boolean }): string;
}
