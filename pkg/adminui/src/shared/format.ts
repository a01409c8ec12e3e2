/** A moment as the person's own clock shows it. */
export function local(moment?: string): string {
  if (!moment) return ''
  return new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short' }).format(new Date(moment))
}

/** The same moment exactly, for the title. */
export function utc(moment?: string): string {
  return moment ? new Date(moment).toISOString().replace('T', ' ').replace(/\.\d+Z$/, ' UTC') : ''
}

/** How far through its life something is, 0 to 100. */
export function lived(from: string, to: string, now: number): number {
  const a = Date.parse(from)
  const b = Date.parse(to)
  return Math.min(100, Math.max(0, ((now - a) / Math.max(1, b - a)) * 100))
}

/** Hexadecimal digits in pairs. */
export function pairs(hex?: string): string {
  return (hex ?? '').toUpperCase().match(/../g)?.join(':') ?? ''
}
