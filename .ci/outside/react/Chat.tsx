import { ChatKit, useChatKit } from '@openai/chatkit-react';
import { useCallback, useEffect, useRef, useState } from 'react';

/** Where the gateway is; empty if it serves this page too. */
type ChatProps = { base?: string; workflow?: string; theme?: 'light' | 'dark' };

type Session = {
  client_secret: string;
  expires_at: number;
  visitor_token: string;
  url: string;
  domain_key: string;
  start_screen: { greeting: string; prompts: { label: string; prompt: string }[] };
};

const VISITOR = 'frontdesk.visitor';

async function createSession(base: string, workflow: string | undefined, current?: string): Promise<Session> {
  const visitor = localStorage.getItem(VISITOR);
  const response = await fetch(`${base}/api/chatkit/${current ? 'refresh' : 'session'}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(visitor && { 'x-frontdesk-visitor': visitor }) },
    body: JSON.stringify({
      modes: ['self_hosted'],
      page: location.pathname,
      ...(workflow && { workflowId: workflow }),
      ...(current && { currentClientSecret: current }),
    }),
  });
  if (!response.ok) throw new Error(`no chat session: status ${response.status}`);
  const session: Session = await response.json();
  localStorage.setItem(VISITOR, session.visitor_token);
  return session;
}

/** A chat of a self-hosted workflow. */
export function Chat({ base = '', workflow, theme = 'light' }: ChatProps) {
  const [session, setSession] = useState<Session | null>(null);
  useEffect(() => {
    let left = false;
    createSession(base, workflow).then((made) => !left && setSession(made), console.error);
    return () => {
      left = true;
    };
  }, [base, workflow]);
  return session && <Open key={session.client_secret} base={base} workflow={workflow} theme={theme} first={session} />;
}

function Open({ base = '', workflow, theme, first }: ChatProps & { first: Session }) {
  const held = useRef(first);
  const pending = useRef<Promise<Session> | null>(null);

  const renew = useCallback(() => {
    pending.current ??= createSession(base, workflow, held.current.client_secret)
      .then((session) => (held.current = session))
      .finally(() => (pending.current = null));
    return pending.current;
  }, [base, workflow]);

  /** The browser's fetch with the client secret, renewed a minute before its end and once if it is refused. */
  const authorised = useCallback<typeof fetch>(
    async (input, init) => {
      const once = ({ client_secret }: Session) => {
        const headers = new Headers(init?.headers);
        headers.set('authorization', `Bearer ${client_secret}`);
        return fetch(input, { ...init, headers });
      };
      const ending = held.current.expires_at - Date.now() / 1000 < 60;
      const response = await once(ending ? await renew() : held.current);
      return response.status === 401 ? once(await renew()) : response;
    },
    [renew],
  );

  /** Id of the newest item of a conversation. */
  const newest = useCallback(
    async (thread_id: string): Promise<string | undefined> => {
      const body = JSON.stringify({ type: 'items.list', params: { thread_id, limit: 1, order: 'desc' } });
      const response = await authorised(first.url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
      if (!response.ok) throw new Error(`no items: status ${response.status}`);
      return (await response.json()).data[0]?.id;
    },
    [authorised, first.url],
  );

  const [thread, setThread] = useState<string | null>(null);
  const writing = useRef(false);
  const { control, fetchUpdates } = useChatKit({
    api: { url: first.url, domainKey: first.domain_key, fetch: authorised },
    theme: { colorScheme: theme, color: { accent: { primary: '#FF4500', level: 1 } } },
    startScreen: first.start_screen,
    threadItemActions: { feedback: true, retry: true },
    onClientTool: ({ name }) =>
      name === 'get_page_context'
        ? { url: location.origin + location.pathname, path: location.pathname, title: document.title }
        : { error: `this page has no tool ${name}` },
    onThreadChange: ({ threadId }) => setThread(threadId),
    onResponseStart: () => {
      writing.current = true;
    },
    onResponseEnd: () => {
      writing.current = false;
    },
  });

  // A person's answer and news of a booking come unasked: look for them while somebody may see them.
  useEffect(() => {
    if (!thread) return;
    let seen: string | undefined;
    const look = async () => {
      if (document.hidden || writing.current) return;
      const found = await newest(thread);
      if (found === seen || writing.current) return;
      await fetchUpdates();
      seen = found;
    };
    const timer = setInterval(() => look().catch(console.debug), 4000);
    return () => clearInterval(timer);
  }, [thread, newest, fetchUpdates]);
  return <ChatKit control={control} style={{ width: 400, height: 640 }} />;
}
