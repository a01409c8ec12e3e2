import { start } from '../shared/start'
import App from './App.vue'
import texts from './en'
import shared from '../shared/en'
import { routes } from './routes'

void start({ app: App, routes, texts: { ...texts, login: { ...shared.login, ...texts.login }, guide: { ...shared.guide, ...texts.guide } }, accent: { light: '#33379a', dark: '#a5a9ff' } })
