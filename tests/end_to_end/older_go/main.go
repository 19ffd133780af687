// A whole sale by a client of the older coupon service, as its makers would have written it.
//
//	older BASE_URL COUPONS
//
// It prints what it saw as one JSON document; whoever started it judges.
package main

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"older/gen/couponpb"
	"older/gen/couponpb/couponpbconnect"
)

const (
	workers = 32
	early   = 1500 * time.Millisecond
)

type refusal struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

type seen struct {
	Campaign      int64     `json:"campaign"`
	BeforeStart   []refusal `json:"before_start"`
	Given         []string  `json:"given"`
	Refused       []refusal `json:"refused"`
	AfterLast     []refusal `json:"after_last"`
	Listed        []string  `json:"listed"`
	ReadOwn       bool      `json:"read_own"`
	Name          string    `json:"name"`
	Total         int64     `json:"total"`
	StartedAtMs   int64     `json:"started_at_ms"`
	WantedAtMs    int64     `json:"wanted_at_ms"`
	UnknownIssue  refusal   `json:"unknown_issue"`
	UnknownRead   refusal   `json:"unknown_read"`
	InvalidCreate refusal   `json:"invalid_create"`
}

func told(err error) refusal {
	if err == nil {
		return refusal{"ok", ""}
	}
	answer := new(connect.Error)
	if e, ok := err.(*connect.Error); ok {
		answer = e
	}
	return refusal{connect.CodeOf(err).String(), answer.Message()}
}

func main() {
	total, err := strconv.Atoi(os.Args[2])
	if err != nil {
		panic(err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = workers
	over := &http.Client{Transport: transport}
	clients := []couponpbconnect.CouponServiceClient{
		couponpbconnect.NewCouponServiceClient(over, os.Args[1]),
		couponpbconnect.NewCouponServiceClient(over, os.Args[1], connect.WithProtoJSON()),
		couponpbconnect.NewCouponServiceClient(over, os.Args[1], connect.WithSendGzip()),
		couponpbconnect.NewCouponServiceClient(over, os.Args[1], connect.WithGRPCWeb()),
	}
	ctx := context.Background()
	var result seen

	start := time.Now().Add(early)
	created, err := clients[0].CreateCampaign(ctx, connect.NewRequest(&couponpb.CreateCampaignRequest{
		Name: "older sale", StartTime: timestamppb.New(start), TotalCoupons: int64(total),
	}))
	if err != nil {
		panic(err)
	}
	id := created.Msg.CampaignId
	result.Campaign = id
	result.WantedAtMs = start.UnixMilli()

	issue := func(n int) (string, error) {
		answer, err := clients[n%len(clients)].IssueCoupon(ctx, connect.NewRequest(&couponpb.IssueCouponRequest{CampaignId: id}))
		if err != nil {
			return "", err
		}
		return answer.Msg.CouponCode, nil
	}
	for n := range clients {
		_, err := issue(n)
		result.BeforeStart = append(result.BeforeStart, told(err))
	}
	time.Sleep(time.Until(start) + 5*time.Millisecond)

	first, err := issue(0)
	if err != nil {
		panic(err)
	}
	result.Given = []string{first}
	read, err := clients[1].GetCampaign(ctx, connect.NewRequest(&couponpb.GetCampaignRequest{CampaignId: id}))
	result.ReadOwn = err == nil && len(read.Msg.CouponCodes) == 1 && read.Msg.CouponCodes[0] == first

	var mutex sync.Mutex
	var group sync.WaitGroup
	work := make(chan int)
	for range workers {
		group.Add(1)
		go func() {
			defer group.Done()
			for n := range work {
				code, err := issue(n)
				mutex.Lock()
				if err != nil {
					result.Refused = append(result.Refused, told(err))
				} else {
					result.Given = append(result.Given, code)
				}
				mutex.Unlock()
			}
		}()
	}
	for n := 1; n < total; n++ {
		work <- n
	}
	close(work)
	group.Wait()

	for n := range clients {
		_, err := issue(n)
		result.AfterLast = append(result.AfterLast, told(err))
	}
	read, err = clients[0].GetCampaign(ctx, connect.NewRequest(&couponpb.GetCampaignRequest{CampaignId: id}))
	if err != nil {
		panic(err)
	}
	result.Listed = read.Msg.CouponCodes
	result.Name = read.Msg.Campaign.Name
	result.Total = read.Msg.Campaign.TotalCoupons
	result.StartedAtMs = read.Msg.Campaign.StartTime.AsTime().UnixMilli()

	_, err = clients[0].IssueCoupon(ctx, connect.NewRequest(&couponpb.IssueCouponRequest{CampaignId: 999999}))
	result.UnknownIssue = told(err)
	_, err = clients[0].GetCampaign(ctx, connect.NewRequest(&couponpb.GetCampaignRequest{CampaignId: 999999}))
	result.UnknownRead = told(err)
	_, err = clients[0].CreateCampaign(ctx, connect.NewRequest(&couponpb.CreateCampaignRequest{Name: "no start", TotalCoupons: 1}))
	result.InvalidCreate = told(err)
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		panic(err)
	}
}
