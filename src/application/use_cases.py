"""Everything the program can change, one field each. Start reading here."""

from __future__ import annotations

from dataclasses import dataclass

from traderbot.application.commands.amend_order import AmendOrder, AmendOrderHandler
from traderbot.application.commands.bots import (
    ChangeBotParameters,
    ChangeBotParametersHandler,
    DecideOnBar,
    DecideOnBarHandler,
    LeaseBot,
    LeaseBotHandler,
    PauseBot,
    PauseBotHandler,
    ResumeBot,
    ResumeBotHandler,
    StartBot,
    StartBotHandler,
    StopBot,
    StopBotHandler,
)
from traderbot.application.commands.cancel_order import CancelOrder, CancelOrderHandler
from traderbot.application.commands.corrections import CorrectCash, CorrectCashHandler
from traderbot.application.commands.exchange_keys import (
    AddExchangeKey,
    AddExchangeKeyHandler,
    RemoveExchangeKey,
    RemoveExchangeKeyHandler,
)
from traderbot.application.commands.halting import (
    HaltTrading,
    HaltTradingHandler,
    RecallOrder,
    RecallOrderHandler,
    ResumeTrading,
    ResumeTradingHandler,
)
from traderbot.application.commands.market import RecordBars, RecordBarsHandler
from traderbot.application.commands.operations import (
    DiscardParked,
    DiscardParkedHandler,
    RecordEpoch,
    RecordEpochHandler,
)
from traderbot.application.commands.paper_venue import (
    AmendAtPaper,
    AmendAtPaperHandler,
    CancelAtPaper,
    CancelAtPaperHandler,
    MeetMarket,
    MeetMarketHandler,
    PassPaperTime,
    PassPaperTimeHandler,
    SubmitToPaper,
    SubmitToPaperHandler,
)
from traderbot.application.commands.place_order import PlaceOrder, PlaceOrderHandler
from traderbot.application.commands.portfolios import (
    Deposit,
    DepositHandler,
    OpenPortfolio,
    OpenPortfolioHandler,
    Withdraw,
    WithdrawHandler,
)
from traderbot.application.commands.rebalance import Rebalance, RebalanceHandler
from traderbot.application.commands.record_fill import (
    RecordAcceptance,
    RecordAcceptanceHandler,
    RecordFill,
    RecordFillHandler,
)
from traderbot.application.commands.risk_limits import (
    AnalyseRisk,
    AnalyseRiskHandler,
    ChangeLimits,
    ChangeLimitsHandler,
)
from traderbot.application.commands.sessions import (
    EndSession,
    EndSessionHandler,
    EndSessions,
    EndSessionsHandler,
    OpenSession,
    OpenSessionHandler,
    RefreshSession,
    RefreshSessionHandler,
)
from traderbot.application.commands.users import (
    ChangePassword,
    ChangePasswordHandler,
    DeactivateUser,
    DeactivateUserHandler,
    RegisterUser,
    RegisterUserHandler,
    RenewHash,
    RenewHashHandler,
)
from traderbot.application.commands.venue_accounts import (
    ComparePosition,
    ComparePositionHandler,
    RecordDeadMan,
    RecordDeadManHandler,
    RecordDifference,
    RecordDifferenceHandler,
)
from traderbot.application.commands.venue_answers import (
    BeginSubmission,
    BeginSubmissionHandler,
    RecordVenueAnswer,
    RecordVenueAnswerHandler,
)
from traderbot.application.gate import Gate
from traderbot.application.ports.clock import Clock, IdSource
from traderbot.application.ports.commands import Handlers
from traderbot.domain.risk.limits import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCases:
    """The handlers, with what they need already inside."""

    register_user: RegisterUserHandler
    deactivate_user: DeactivateUserHandler
    change_password: ChangePasswordHandler
    renew_hash: RenewHashHandler
    add_exchange_key: AddExchangeKeyHandler
    remove_exchange_key: RemoveExchangeKeyHandler
    open_session: OpenSessionHandler
    refresh_session: RefreshSessionHandler
    end_session: EndSessionHandler
    end_sessions: EndSessionsHandler
    open_portfolio: OpenPortfolioHandler
    deposit: DepositHandler
    withdraw: WithdrawHandler
    correct_cash: CorrectCashHandler
    place_order: PlaceOrderHandler
    cancel_order: CancelOrderHandler
    amend_order: AmendOrderHandler
    rebalance: RebalanceHandler
    record_acceptance: RecordAcceptanceHandler
    record_fill: RecordFillHandler
    start_bot: StartBotHandler
    decide_on_bar: DecideOnBarHandler
    stop_bot: StopBotHandler
    lease_bot: LeaseBotHandler
    pause_bot: PauseBotHandler
    resume_bot: ResumeBotHandler
    change_bot_parameters: ChangeBotParametersHandler
    record_epoch: RecordEpochHandler
    discard_parked: DiscardParkedHandler
    record_bars: RecordBarsHandler
    begin_submission: BeginSubmissionHandler
    record_venue_answer: RecordVenueAnswerHandler
    compare_position: ComparePositionHandler
    record_difference: RecordDifferenceHandler
    record_dead_man: RecordDeadManHandler
    halt_trading: HaltTradingHandler
    resume_trading: ResumeTradingHandler
    recall_order: RecallOrderHandler
    change_limits: ChangeLimitsHandler
    analyse_risk: AnalyseRiskHandler
    submit_to_paper: SubmitToPaperHandler
    cancel_at_paper: CancelAtPaperHandler
    amend_at_paper: AmendAtPaperHandler
    meet_market: MeetMarketHandler
    pass_paper_time: PassPaperTimeHandler

    @staticmethod
    def build(limits: Limits, clock: Clock, ids: IdSource, gate: Gate | None = None) -> UseCases:
        """Give every handler what it needs; by default a gate that knows its limits alone."""
        gate = gate or Gate(limits=limits)
        return UseCases(
            register_user=RegisterUserHandler(clock=clock, ids=ids),
            deactivate_user=DeactivateUserHandler(clock=clock),
            change_password=ChangePasswordHandler(clock=clock),
            renew_hash=RenewHashHandler(),
            add_exchange_key=AddExchangeKeyHandler(clock=clock),
            remove_exchange_key=RemoveExchangeKeyHandler(clock=clock),
            open_session=OpenSessionHandler(clock=clock),
            refresh_session=RefreshSessionHandler(clock=clock),
            end_session=EndSessionHandler(clock=clock),
            end_sessions=EndSessionsHandler(clock=clock),
            open_portfolio=OpenPortfolioHandler(clock=clock, ids=ids),
            deposit=DepositHandler(clock=clock),
            withdraw=WithdrawHandler(clock=clock),
            correct_cash=CorrectCashHandler(clock=clock),
            place_order=PlaceOrderHandler(gate=gate, clock=clock, ids=ids),
            cancel_order=CancelOrderHandler(clock=clock),
            amend_order=AmendOrderHandler(gate=gate, clock=clock),
            rebalance=RebalanceHandler(gate=gate, clock=clock, ids=ids),
            record_acceptance=RecordAcceptanceHandler(),
            record_fill=RecordFillHandler(gate=gate, ids=ids),
            start_bot=StartBotHandler(clock=clock, ids=ids),
            decide_on_bar=DecideOnBarHandler(gate=gate, ids=ids),
            stop_bot=StopBotHandler(clock=clock),
            lease_bot=LeaseBotHandler(clock=clock),
            pause_bot=PauseBotHandler(clock=clock),
            resume_bot=ResumeBotHandler(clock=clock),
            change_bot_parameters=ChangeBotParametersHandler(clock=clock),
            record_epoch=RecordEpochHandler(clock=clock),
            discard_parked=DiscardParkedHandler(clock=clock),
            record_bars=RecordBarsHandler(clock=clock),
            begin_submission=BeginSubmissionHandler(clock=clock, gate=gate),
            record_venue_answer=RecordVenueAnswerHandler(clock=clock, gate=gate),
            compare_position=ComparePositionHandler(clock=clock),
            record_difference=RecordDifferenceHandler(clock=clock),
            record_dead_man=RecordDeadManHandler(clock=clock),
            halt_trading=HaltTradingHandler(clock=clock),
            resume_trading=ResumeTradingHandler(clock=clock),
            recall_order=RecallOrderHandler(clock=clock),
            change_limits=ChangeLimitsHandler(clock=clock, gate=gate),
            analyse_risk=AnalyseRiskHandler(clock=clock, gate=gate),
            submit_to_paper=SubmitToPaperHandler(),
            cancel_at_paper=CancelAtPaperHandler(clock=clock),
            amend_at_paper=AmendAtPaperHandler(clock=clock),
            meet_market=MeetMarketHandler(),
            pass_paper_time=PassPaperTimeHandler(),
        )

    def handlers(self) -> Handlers:
        """Return which handler answers which command."""
        return {
            RegisterUser: self.register_user,
            DeactivateUser: self.deactivate_user,
            ChangePassword: self.change_password,
            RenewHash: self.renew_hash,
            AddExchangeKey: self.add_exchange_key,
            RemoveExchangeKey: self.remove_exchange_key,
            OpenSession: self.open_session,
            RefreshSession: self.refresh_session,
            EndSession: self.end_session,
            EndSessions: self.end_sessions,
            OpenPortfolio: self.open_portfolio,
            Deposit: self.deposit,
            Withdraw: self.withdraw,
            CorrectCash: self.correct_cash,
            PlaceOrder: self.place_order,
            CancelOrder: self.cancel_order,
            AmendOrder: self.amend_order,
            Rebalance: self.rebalance,
            RecordAcceptance: self.record_acceptance,
            RecordFill: self.record_fill,
            StartBot: self.start_bot,
            DecideOnBar: self.decide_on_bar,
            StopBot: self.stop_bot,
            LeaseBot: self.lease_bot,
            PauseBot: self.pause_bot,
            ResumeBot: self.resume_bot,
            ChangeBotParameters: self.change_bot_parameters,
            RecordEpoch: self.record_epoch,
            DiscardParked: self.discard_parked,
            RecordBars: self.record_bars,
            BeginSubmission: self.begin_submission,
            RecordVenueAnswer: self.record_venue_answer,
            ComparePosition: self.compare_position,
            RecordDifference: self.record_difference,
            RecordDeadMan: self.record_dead_man,
            HaltTrading: self.halt_trading,
            ResumeTrading: self.resume_trading,
            RecallOrder: self.recall_order,
            ChangeLimits: self.change_limits,
            AnalyseRisk: self.analyse_risk,
            SubmitToPaper: self.submit_to_paper,
            CancelAtPaper: self.cancel_at_paper,
            AmendAtPaper: self.amend_at_paper,
            MeetMarket: self.meet_market,
            PassPaperTime: self.pass_paper_time,
        }
