"""Message sessions: an operator tells their users something, in the page that they have open."""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.steps.forms import EverySession, MaybeHost, MaybeInstanceId, MessageLevel, MessageMinutes, Words
from flows.steps.outcome import pipeline
from pool.open_pages.messages import Level
from tasks.gateway.routes import tell_open_pages
from tasks.sessions.messages import addressees, set_message


@flow(name="message-sessions", flow_run_name="message: {words}")
@pipeline
async def message_sessions(
    words: Words,
    instance_id: MaybeInstanceId = "",
    host: MaybeHost = "",
    every_session: EverySession = False,
    level: MessageLevel = Level.INFO,
    minutes: MessageMinutes = 60,
) -> State:
    """Show the users of a session, of all sessions on a host, or of all sessions, one line of text for a while.

    A later message is shown in place of an earlier one. A session that starts meanwhile shows it, too.

    Args:
        words: At most 300 characters. Empty: what was said to the same is taken back.
        instance_id: Name of the session, as it was given to provision-instance.
        host: Name of the host; its sessions are told as long as they are on it.
        every_session: It is for all sessions of all pools.
        level: `warning` stands out.
        minutes: From now, that it is shown for; a day at the most.
    """
    scope, subject = await addressees(instance_id, host, every_session)
    await set_message(scope, subject, words, level, minutes)
    waits = await tell_open_pages()
    whom = f"{scope} {subject}" if subject else "all sessions"
    said = f"{whom} told for {minutes} min" if words.strip() else f"{whom}: taken back"
    return Completed(message=f"{said}, from the next tick on: {waits}" if waits else said)
