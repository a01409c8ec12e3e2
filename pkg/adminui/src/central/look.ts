import { get } from '../shared/api'
import { api, type Schemas } from './api'

const page = { limit: 20, offset: 0, desc: false }

export async function memberClasses(): Promise<string[]> {
  return (await get(api.GET('/member-classes'))).map((c) => c.code)
}

/** Members or subsystems whose names or codes hold a text. */
export async function clients(q: string, type?: Schemas['ClientType'], more: { excluding_group?: string } = {}): Promise<{ title: string; value: string }[]> {
  const found = await get(api.GET('/clients', { params: { query: { ...page, q, client_type: type, sort: 'member_name', ...more } } }))
  return found.clients.map((c) => ({ title: `${c.member_name ?? ''} — ${c.client_id.encoded_id}`, value: c.client_id.encoded_id }))
}

export async function servers(q: string): Promise<{ title: string; value: string }[]> {
  const found = await get(api.GET('/security-servers', { params: { query: { ...page, q, sort: 'server_code' } } }))
  return found.items.map((s) => ({ title: `${s.server_id.server_code} — ${s.server_id.encoded_id}`, value: s.server_id.encoded_id }))
}
